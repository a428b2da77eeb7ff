//! A scheduler without peers, and its page.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

use std::{ops::Deref, sync::Arc};

use brisk_core::id::Epoch;
use brisk_dashboard::{Bind, Dashboard};
use brisk_scheduler::server::{Config, Server};

pub mod browser;

use browser::Browser;

/// A scheduler without peers, and a browser at its page.
pub struct Served {
    browser: Browser,
    pub dashboard: Dashboard,
    pub server: Arc<Server>,
    pub runtime: tokio::runtime::Runtime,
}

impl Served {
    pub fn start() -> Served {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = Server::start(Config::default(), Epoch(1), runtime.handle().clone());
        let bind = Bind::At("127.0.0.1:0".parse().unwrap());
        let dashboard = Dashboard::start(server.observer(), &bind).unwrap();
        Served { browser: Browser::open(dashboard.link()), dashboard, server, runtime }
    }
}

impl Deref for Served {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}
