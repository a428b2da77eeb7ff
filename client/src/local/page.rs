//! The page of a local cluster.
//!
//! The first cluster of a program has one from the start, and its link is printed to standard error, as Jupyter does, be that a
//! terminal or the log of what runs unattended. Any other, and that of a `#[brisk_client::test]`, has it from when it is first asked
//! for: without the link nobody could open it, and neither a test nor a program that starts many clusters should take ports.
//! Whoever says beforehand where, or that there is to be none, is obeyed.

#[cfg(feature = "dashboard")]
pub(super) use served::Page;
#[cfg(not(feature = "dashboard"))]
pub(super) use unserved::Page;

/// The variable that says where local clusters serve their pages.
const VARIABLE: &str = "BRISK_DASHBOARD";

#[cfg(feature = "dashboard")]
mod served {
    use std::sync::atomic::{AtomicBool, Ordering};

    use brisk_dashboard::{Bind, Dashboard};
    use brisk_scheduler::server::Server;
    use parking_lot::Mutex;

    use super::VARIABLE;
    use crate::error::ClientError;

    /// Whether there is a page.
    #[derive(Default)]
    pub(in crate::local) struct Page(Mutex<State>);

    #[derive(Default)]
    enum State {
        /// Nobody has asked.
        #[default]
        Unasked,
        Served(Dashboard),
        /// There is to be none, or none any more.
        Off,
    }

    /// What was said beforehand.
    pub(in crate::local) enum Wanted {
        /// Nothing.
        Unsaid,
        /// That it is served once somebody asks for it.
        Later,
        Off,
        At(Bind),
        /// The variable says so: whoever has set it waits for the link.
        Told(Bind),
    }

    impl Page {
        /// What the builder says, or else the environment, or else that it is `later`.
        pub(in crate::local) fn wanted(said: Option<&str>, later: bool) -> Result<Wanted, ClientError> {
            if let Some(said) = said {
                let bind = Bind::parse(said).map_err(|error| ClientError::Configuration(error.to_string()))?;
                return Ok(bind.map_or(Wanted::Off, Wanted::At));
            }
            let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
                return Ok(if later { Wanted::Later } else { Wanted::Unsaid });
            };
            let value = value.to_string_lossy().into_owned();
            let bind = Bind::parse(&value).map_err(|error| {
                let reason = error.to_string();
                ClientError::Environment { variable: VARIABLE, value, reason }
            })?;
            Ok(bind.map_or(Wanted::Off, Wanted::Told))
        }

        /// The cluster has started.
        pub(in crate::local) fn begin(&self, scheduler: &Server, wanted: Wanted) -> Result<(), ClientError> {
            match wanted {
                Wanted::Unsaid => self.offer(scheduler),
                Wanted::Later => {}
                Wanted::Off => *self.0.lock() = State::Off,
                Wanted::At(bind) => *self.0.lock() = State::Served(serve(scheduler, &bind)?),
                Wanted::Told(bind) => {
                    let dashboard = serve(scheduler, &bind)?;
                    eprintln!("brisk: dashboard: {}", dashboard.link());
                    *self.0.lock() = State::Served(dashboard);
                }
            }
            Ok(())
        }

        /// Shows the link to whoever runs the program; that there is no port for the page is no reason not to work.
        fn offer(&self, scheduler: &Server) {
            static OFFERED: AtomicBool = AtomicBool::new(false);
            if OFFERED.swap(true, Ordering::Relaxed) {
                return;
            }
            match serve(scheduler, &Bind::Loopback) {
                Ok(dashboard) => {
                    eprintln!("brisk: dashboard: {}", dashboard.link());
                    *self.0.lock() = State::Served(dashboard);
                }
                Err(error) => tracing::warn!(%error, "there is no dashboard"),
            }
        }

        pub(in crate::local) fn link(&self, scheduler: &Server) -> Result<String, ClientError> {
            let mut state = self.0.lock();
            if let State::Unasked = *state {
                *state = State::Served(serve(scheduler, &Bind::Loopback)?);
            }
            match &*state {
                State::Served(dashboard) => Ok(dashboard.link().to_string()),
                _ => Err(ClientError::Configuration("this cluster's dashboard is switched off".to_owned())),
            }
        }

        /// The cluster has ended.
        pub(in crate::local) async fn end(&self) {
            let state = std::mem::replace(&mut *self.0.lock(), State::Off);
            if let State::Served(dashboard) = state {
                dashboard.shutdown().await;
            }
        }
    }

    fn serve(scheduler: &Server, bind: &Bind) -> Result<Dashboard, ClientError> {
        let dashboard = Dashboard::start(scheduler.observer(), bind)
            .map_err(|error| ClientError::Configuration(error.to_string()))?;
        scheduler.set_dashboard(dashboard.link().clone());
        Ok(dashboard)
    }
}

#[cfg(not(feature = "dashboard"))]
mod unserved {
    use brisk_scheduler::server::Server;

    use super::VARIABLE;
    use crate::error::ClientError;

    /// There is no page in this build.
    #[derive(Default)]
    pub(in crate::local) struct Page {}

    /// What was said beforehand: that there is to be none, or nothing.
    pub(in crate::local) struct Unserved;

    impl Page {
        pub(in crate::local) fn wanted(said: Option<&str>, _: bool) -> Result<Unserved, ClientError> {
            let asked = said.map(str::to_owned).or_else(|| std::env::var(VARIABLE).ok());
            match asked.as_deref() {
                None | Some("" | "off") => Ok(Unserved),
                Some(_) => Err(missing()),
            }
        }

        pub(in crate::local) fn begin(&self, _: &Server, _: Unserved) -> Result<(), ClientError> {
            Ok(())
        }

        pub(in crate::local) fn link(&self, _: &Server) -> Result<String, ClientError> {
            Err(missing())
        }

        pub(in crate::local) async fn end(&self) {}
    }

    fn missing() -> ClientError {
        ClientError::Feature { feature: "dashboard", what: "a dashboard" }
    }
}
