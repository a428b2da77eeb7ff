//! The page that shows a scheduler, as the commands that run one serve it.

use anyhow::Context;
use brisk_dashboard::{Bind, Dashboard};
use brisk_scheduler::server::Server;
use clap::Args;

#[derive(Args)]
pub(crate) struct Served {
    /// Where to serve the page that shows the scheduler: HOST:PORT in numbers, a port of this host, or `off`. At this host's
    /// port 8787, or the next free one, unless it is given.
    #[arg(long, env = "BRISK_DASHBOARD", value_name = "ADDRESS")]
    dashboard: Option<String>,
}

impl Served {
    /// Serves the page, unless it is switched off. It ends with what is returned.
    pub(crate) fn serve(&self, server: &Server) -> anyhow::Result<Option<Dashboard>> {
        let bind = match self.dashboard.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => Bind::parse(text)?,
            None => Some(Bind::Loopback),
        };
        let Some(bind) = bind else { return Ok(None) };
        let dashboard = match Dashboard::start(server.observer(), &bind) {
            Ok(dashboard) => dashboard,
            // Nobody has asked for it: the scheduler is worth more than its page.
            Err(error) if self.dashboard.is_none() => {
                eprintln!("brisk: {error}");
                return Ok(None);
            }
            Err(error) => return Err(error).context("the dashboard was asked for"),
        };
        if !dashboard.address().ip().is_loopback() {
            eprintln!("brisk: the dashboard speaks plain HTTP: who can listen on the network may get in");
        }
        server.set_dashboard(dashboard.link().clone());
        Ok(Some(dashboard))
    }
}
