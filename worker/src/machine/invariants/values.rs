//! Values: accounted, pinned, told of; and what is done when there are too many.

use brisk_core::key::Key;
use rustc_hash::FxHashMap;

use super::{
    super::{Worker, state::Owner},
    Checked, Violation,
};

impl Worker {
    /// I39: between two events the scheduler was told of every copy. That it believes what is here, no more and no less,
    /// only a test that plays the scheduler can see.
    pub(super) fn i39_every_copy_was_told(&self) -> Checked {
        check!("every copy was told", self.added.is_empty(), "{:?}", self.added);
        Ok(())
    }

    /// I40: the bytes that are accounted for are those of the values that are held. Nothing is ever on disk.
    pub(super) fn i40_bytes_add_up(&self) -> Checked {
        let (mut bytes, mut values) = (0u128, 0);
        for (_, entry) in self.sorted_entries() {
            let Some(value) = &entry.value else { continue };
            bytes += u128::from(value.nbytes);
            values += 1;
        }
        let counted = (bytes, values);
        let held = (self.held.bytes, self.held.values);
        check!("what is held adds up", counted == held, "{counted:?}, {held:?}");
        Ok(())
    }

    /// I41: a value is pinned by each run that needs it, those that nobody waits for included, and by nothing else. One that
    /// was freed stays for its pins only. What is on its way to a peer is kept alive by the pointer that its sender holds.
    pub(super) fn i41_pins_are_those_of_runs(&self) -> Checked {
        let mut pins: FxHashMap<Key, u32> = FxHashMap::default();
        for (_, task) in self.tasks.iter() {
            task.needs.iter().for_each(|key| *pins.entry(*key).or_default() += 1);
        }
        for execution in self.executions.values() {
            if let Owner::Nobody(needs) = &execution.owner {
                needs.iter().for_each(|key| *pins.entry(*key).or_default() += 1);
                // Those that somebody waits for are looked at as tasks (I34).
                let gone = needs.iter().find(|key| !self.is_held(**key));
                check!("what a cancelled run needs stays until it ends", gone.is_none(), "{gone:?}");
            }
        }
        for (key, entry) in self.sorted_entries() {
            let Some(value) = &entry.value else { continue };
            let pinned = pins.get(&key).copied().unwrap_or(0);
            check!("pins are the runs that need it", value.pins == pinned, "{key}: {} for {pinned}", value.pins);
            check!("a freed value is only kept for its pins", !value.doomed || value.pins > 0, "{key}");
        }
        Ok(())
    }

    /// I43: paused above 80 % of the limit, not below 70 %.
    pub(super) fn i43_paused_between_its_marks(&self) -> Checked {
        let limit = u128::from(self.config.memory_limit);
        let bytes = self.held.bytes * 100;
        let paused = self.held.paused;
        check!("full is paused", paused || limit == 0 || bytes < limit * 80, "{bytes} of {limit}");
        check!("empty is not paused", !paused || bytes >= limit * 70, "{bytes} of {limit}");
        Ok(())
    }

    /// I43: every queue was looked at since anything changed, an end of a pause included.
    pub(super) fn i43_whatever_may_be_asked_is_asked(&self) -> Checked {
        check!("whatever the peers could be asked is asked", self.next_fetch().is_none(), "{:?}", self.askable);
        Ok(())
    }
}
