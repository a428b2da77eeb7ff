//! Tasks and their runs.

use super::{
    super::{
        Slots, Worker,
        state::{Hold, Owner, Phase, TaskState},
        timers::Timer,
    },
    Checked, Violation,
};

impl Worker {
    /// I34: what is known of a key fits together.
    pub(super) fn i34_each_entry_holds_together(&self) -> Checked {
        for (key, entry) in self.sorted_entries() {
            check!("no entry is empty", !entry.is_empty(), "{key}");
            check!("nobody waits for a value that is here", entry.value.is_none() || entry.want.is_none(), "{key}");
            let task = entry.task.map(|place| self.tasks.get(place).map(|task| task.key));
            check!("an entry's task is that key's", task.is_none_or(|task| task == Some(key)), "{key}: {task:?}");
        }
        Ok(())
    }

    /// I34, I35: each task is in one state, in that state's containers, and counts what it misses.
    pub(super) fn i34_each_task_is_in_one_state(&self) -> Checked {
        let mut ready = 0;
        for (place, task) in self.tasks.iter() {
            let key = task.key;
            let entry = self.entries.get(&key).and_then(|entry| entry.task);
            check!("a task is the current one of its key", entry == Some(place), "{key}: {entry:?}, not {place}");
            let absent = task.needs.iter().filter(|key| !self.is_held(**key)).count();
            match &task.state {
                TaskState::NeedsData { missing, .. } => {
                    check!("missing counts what is not here", absent as u32 == *missing, "{key}: {absent}, {missing}");
                    check!("a task without missing data is ready", absent > 0, "{key}");
                }
                TaskState::Ready { .. } => {
                    ready += 1;
                    check!("a ready task has its data", absent == 0, "{key} lacks {absent}");
                    check!("a ready task is queued", self.ready.contains(&(task.rank, place)), "{key}");
                }
                TaskState::Running => {
                    check!("a running task's data stays", absent == 0, "{key} lacks {absent}");
                    let execution = self.executions.get(&task.run);
                    let owns = execution.is_some_and(|e| matches!(e.owner, Owner::Task(owner) if owner == place));
                    check!("a running task has its execution", owns, "{key}: {execution:?}");
                }
            }
        }
        check!("the ready queue is in order", self.ready.is_in_order(), "{:?}", self.ready);
        check!("the ready queue holds ready tasks only", self.ready.len() == ready, "{} of {ready}", self.ready.len());
        Ok(())
    }

    /// I37: slots in use are executions that have not come back, those of runs included that nobody waits for.
    pub(super) fn i37_slots_are_held_by_executions(&self) -> Checked {
        let mut counted = Slots::default();
        for (run, execution) in &self.executions {
            let is_thread = execution.hold.is_thread();
            counted.threads += u32::from(is_thread);
            counted.back += u32::from(execution.hold == Hold::Back);
            counted.away += u32::from(execution.hold == Hold::Away);
            counted.detached += u32::from(execution.hold == Hold::Async);
            counted.abandoned += u32::from(execution.hold == Hold::Abandoned);
            let is_current = matches!(execution.owner, Owner::Task(_));
            counted.current += u32::from(is_current);
            counted.busy += u32::from(is_current && is_thread);
            let wanted = is_current && (execution.abandoned || execution.hold == Hold::Abandoned);
            check!("what somebody waits for is not abandoned", !wanted, "{run}: {execution:?}");
        }
        let (abandoned, most) = (counted.abandoned, self.config.max_abandoned);
        check!("only so many are abandoned", abandoned <= most, "{abandoned} of {most}");
        check!("slots are counted", counted == self.slots, "{counted:?}, {:?}", self.slots);
        // Those that came back took a thread whether or not there was one.
        let (started, limit) = (counted.threads - counted.back, self.config.threads.max(1));
        check!("no more start than there are threads", started <= limit, "{started} of {limit}");
        Ok(())
    }

    /// I38: what comes back is for the run that is current, or for nobody. Only the former is watched by its time limit.
    pub(super) fn i38_each_execution_is_of_its_run_or_nobodys(&self) -> Checked {
        for (run, execution) in &self.executions {
            if let Owner::Task(place) = execution.owner {
                let task = self.tasks.get(place).map(|task| task.run);
                check!("an execution's task is of its run", task == Some(*run), "{run}: {task:?}");
            }
            let watched = execution.deadline().is_none_or(|at| self.timers.contains(at, Timer::Run(*run)));
            check!("a time limit is watched", watched, "{run}: {execution:?}");
        }
        Ok(())
    }

    /// I44: no ready task waits while there is a slot for it, and so none while one after it starts.
    pub(super) fn i44_whatever_may_start_has_started(&self) -> Checked {
        check!("ready tasks start", self.ready.is_empty() || !self.may_start(), "{} ready", self.ready.len());
        Ok(())
    }

    /// I50: whoever has left has nothing.
    pub(super) fn i50_who_has_left_has_nothing(&self) -> Checked {
        let empty = self.entries.is_empty() && self.tasks.len() == 0 && self.timers.len() == 0 && self.peers.is_empty();
        check!("who has left has nothing", self.phase != Phase::Left || empty, "{:?}", self.slots);
        Ok(())
    }
}
