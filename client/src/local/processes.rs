//! Workers that are processes: this program again, over QUIC on the loopback address.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use brisk_core::{comm::Connector, hello::Role, id::EnvironmentId};
use brisk_scheduler::server::Server;
use brisk_transport_quic::{Credentials, QuicTransport};

use super::{LocalBuilder, LocalCluster, Size, Workers, epoch};
use crate::{
    connect::{Ground, program_name},
    error::ClientError,
    process::{
        self, Image,
        supervisor::{Program, Supervisor, SupervisorConfig, WorkerProcess},
    },
    quic,
    runtime::Io,
};

struct Processes {
    transport: Arc<QuicTransport>,
    /// For clients.
    connector: Arc<dyn Connector>,
    supervisor: Arc<Supervisor>,
    environment: EnvironmentId,
}

/// Starts a scheduler here, and a supervisor that starts the workers.
pub(super) async fn start(builder: LocalBuilder, size: Size) -> Result<LocalCluster, ClientError> {
    let entry = process::entry().ok_or(ClientError::NoHook)?;
    let image = Image::of_this_process()?;
    let io = Arc::new(Io::start(2).map_err(ClientError::io("no thread for connections"))?);
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    // The cluster's credentials never leave memory, but for each worker's own part.
    let credentials = Credentials::generate().map_err(quic::error)?;
    let transport = quic::transport(&io, credentials.clone())?;
    let scheduler = Server::start(builder.server(), epoch(), io.handle());
    let listener = transport.listen(SocketAddr::new(loopback, 0), Role::Scheduler).map_err(quic::error)?;
    let address = listener.address();
    scheduler.serve(listener);
    let config = SupervisorConfig {
        scheduler: address.clone(),
        credentials,
        workers: size.workers,
        threads: size.threads,
        memory_limit: builder.memory_limit,
        speed_percent: 100,
        shown_bytes: builder.shown_bytes(),
        resources: builder.resources,
        listen: loopback,
        host: "localhost".to_owned(),
        name: "worker".to_owned(),
        reconnect: crate::connect::RECONNECT,
    };
    let connector = transport.connector(Role::Client).map_err(quic::error)?;
    let supervisor = Supervisor::connect(config, &transport, io.handle()).await?;
    let environment = image.id;
    supervisor.run(Program { image, entry });
    let workers = Box::new(Processes { transport, connector, supervisor, environment });
    Ok(LocalCluster::new(scheduler, address, workers, io))
}

#[async_trait]
impl Workers for Processes {
    fn ground(&self, cluster: &LocalCluster) -> Ground {
        Ground {
            connector: self.connector.clone(),
            environment: self.environment,
            program: None,
            name: program_name(),
            reconnect: None,
            keep: Box::new(cluster.share()),
            io: cluster.0.io.clone(),
        }
    }

    fn kept(&self) -> Vec<String> {
        self.supervisor.kept(self.environment)
    }

    fn environment(&self) -> EnvironmentId {
        self.environment
    }

    async fn add(&self, count: u32) -> Result<(), ClientError> {
        self.supervisor.add(self.environment, count);
        Ok(())
    }

    async fn restart(&self) -> Result<(), ClientError> {
        self.supervisor.restart(self.environment);
        Ok(())
    }

    fn let_go(&self, names: &[String]) {
        self.supervisor.let_go(self.environment, names);
    }

    fn processes(&self) -> Vec<WorkerProcess> {
        self.supervisor.processes()
    }

    async fn end(&self) {
        self.supervisor.shutdown().await;
        self.transport.shutdown().await;
    }
}
