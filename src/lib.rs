#![doc = include_str!("../README.md")]

pub mod message;
pub mod catalogue;
pub mod pipeline;
pub mod casework;
pub mod evidence;
pub mod journal;
pub mod transport;
pub mod hub;
pub mod console;
pub mod cli;
pub mod settings;
pub mod telemetry;
pub mod lifecycle;
