//! The Kafka front end: listeners, connections, one handler file per API.
//!
//! It translates and decides nothing: what an operation means is in `broker`, what it looks like on
//! the wire is in `wire`. A request's way: [`listener`](Server) accepts, `connection` frames and
//! orders, `dispatch` decodes, a handler asks the broker, `answer` holds the reply, `output` sends
//! it.

mod answer;
mod connection;
mod dispatch;
mod errors;
mod fetch_sessions;
mod handlers;
mod input;
mod listener;
mod output;

pub use listener::Server;
