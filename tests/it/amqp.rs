//! The partners' road over RabbitMQ, with a real broker and a partner written with pika.

mod cluster;
mod dead;
mod exchange;
mod hold;
mod isolation;
mod load;
pub mod node;
mod outage;
mod poison;
mod provision;
mod repair;
pub mod road;
mod secure;
pub mod tls;
mod war;
