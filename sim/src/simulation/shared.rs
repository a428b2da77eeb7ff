//! What the clients of a simulation do with what they share by name.

use brisk_core::{
    id::ClientId,
    message::{Operation, Shared},
};

use super::Simulation;
use crate::{
    failure::Failure,
    oracle,
    sharing::{self, Ask},
    workload::{BUILDS, Build, TaskIndex},
};

impl Simulation {
    /// Some client asks something of a primitive, or not.
    pub(super) fn share(&mut self) -> Result<(), Failure> {
        // Nothing is drawn, and all stays as it is, where nothing is shared.
        while self.options.habits.often > 0 && self.sharing.chance(self.options.habits.often) {
            let clients: Vec<_> = self.cluster.clients().map(|client| (client.id, client.build)).collect();
            let ask = self.options.habits.next(&mut self.sharing);
            let (Some(ask), Some((id, build))) = (ask, self.sharing.pick(&clients).copied()) else { return Ok(()) };
            self.cluster.trace.note(self.cluster.now(), format_args!("{id} shares: {ask:?}"));
            self.ask(ask, id, build)?;
            if self.sharing.chance(500) {
                break;
            }
        }
        Ok(())
    }

    /// Everybody gives up whatever is shared, and then `last` sees to it that nothing is left.
    pub(super) fn share_no_more(&mut self, last: ClientId) -> Result<(), Failure> {
        if self.options.habits.often == 0 {
            return Ok(());
        }
        for id in self.cluster.clients().map(|client| client.id).collect::<Vec<_>>() {
            self.cluster.with_client(id, |client, _| client.share_no_more())?;
        }
        self.rest("nothing was shared any more")?;
        self.cluster.with_client(last, |client, _| {
            for operation in (0..BUILDS).flat_map(sharing::clean_up) {
                client.coordinate(operation);
            }
        })
    }

    fn ask(&mut self, ask: Ask, id: ClientId, build: Build) -> Result<(), Failure> {
        let pick = self.sharing.number();
        let operation = match ask {
            Ask::AcquireAll => {
                return self.cluster.with_client(id, |client, _| {
                    client.lock_all(sharing::locks(build));
                });
            }
            Ask::GiveBack => return self.cluster.with_client(id, |client, _| client.give_back(pick)),
            Ask::Confirm => return self.cluster.with_client(id, |client, _| client.confirm_all()),
            Ask::Withdraw => return self.cluster.with_client(id, |client, _| client.withdraw(pick)),
            Ask::Call => return self.call(id, build),
            Ask::Acquire => Some(sharing::acquire(build, &mut self.sharing)),
            Ask::Put | Ask::SetVariable => return self.hand_in(ask, id, build),
            ask => sharing::operation(ask, build, &mut self.sharing),
        };
        self.ask_for(id, operation)
    }

    /// A client puts something into a queue or a variable. If that is a task, it may want it no more from then on.
    fn hand_in(&mut self, ask: Ask, id: ClientId, build: Build) -> Result<(), Failure> {
        let item = self.some_item(id);
        let handed = match &item {
            Shared::Key(key) if self.sharing.chance(500) => self.cluster.workload.find(*key),
            _ => None,
        };
        let operation = match ask {
            Ask::Put => sharing::put(build, item, &mut self.sharing),
            _ => sharing::set_variable(build, item),
        };
        self.ask_for(id, Some(operation))?;
        match handed {
            Some(task) => self.cluster.with_client(id, |client, workload| client.release(workload, task)),
            None => Ok(()),
        }
    }

    /// A client calls an actor, or has one made if it knows of none.
    fn call(&mut self, id: ClientId, build: Build) -> Result<(), Failure> {
        let workload = self.cluster.workload.clone();
        let actors: Vec<_> = (0..workload.tasks().len())
            .filter(|task| workload.is_actor(*task) && workload.task(*task).build == build)
            .collect();
        let home = |task: &TaskIndex| self.cluster.client(id).and_then(|client| client.home_of(*task));
        let known: Vec<_> = actors.iter().copied().filter(|task| home(task).is_some()).collect();
        let chunk = self.options.chunk;
        match (self.sharing.pick(&known).copied(), self.sharing.pick(&actors).copied()) {
            (Some(actor), _) => {
                let count = self.sharing.within(1..=20) as usize;
                self.cluster.call_actor(id, actor, count);
                Ok(())
            }
            (None, Some(actor)) => self.cluster.with_client(id, |client, workload| {
                client.submit(workload, &[actor], chunk, false, None);
            }),
            (None, None) => Ok(()),
        }
    }

    fn ask_for(&mut self, id: ClientId, operation: Option<Operation>) -> Result<(), Failure> {
        let Some(operation) = operation else { return Ok(()) };
        self.cluster.with_client(id, |client, _| {
            client.coordinate(operation);
        })
    }

    /// A task that the client wants, or a number that nobody has put anywhere yet.
    fn some_item(&mut self, id: ClientId) -> Shared {
        let handles = self.cluster.client(id).into_iter().flat_map(|client| client.handles());
        let tasks: Vec<_> = handles.map(|(task, _)| task).collect();
        match self.sharing.pick(&tasks).copied() {
            Some(task) if self.sharing.chance(500) => Shared::Key(self.cluster.workload.task(task).key),
            _ => Shared::Value(oracle::encode(self.sharing.number())),
        }
    }
}
