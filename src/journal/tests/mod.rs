//! The journal with fake rules: what it promises, told as stories.

mod desk;
mod incoming;
