//! Things under dense numbers, which are used again.

/// A table whose places are reused. Iteration is in the order of the places, which depends on nothing but the events.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts `thing` into a free place.
    pub(super) fn insert(&mut self, thing: T) -> u32 {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = Some(thing);
                place
            }
            None => {
                self.places.push(Some(thing));
                u32::try_from(self.places.len() - 1).expect("four billion tasks do not fit into memory")
            }
        }
    }

    /// Takes what is at `place`.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let thing = self.places.get_mut(place as usize)?.take()?;
        self.free.push(place);
        if self.free.len() == self.places.len() && self.places.capacity() > 1_024 {
            // A burst is over; its memory goes back.
            *self = Slab::default();
        }
        Some(thing)
    }

    pub(super) fn get(&self, place: u32) -> Option<&T> {
        self.places.get(place as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.places.get_mut(place as usize)?.as_mut()
    }

    /// The places that are free, the one that is used next last.
    pub(super) fn free(&self) -> &Vec<u32> {
        &self.free
    }

    /// A table of things that were in these places of another.
    pub(super) fn restored(free: Vec<u32>, things: impl IntoIterator<Item = (u32, T)>) -> Option<Self> {
        let things: Vec<_> = things.into_iter().collect();
        let mut slab = Slab { places: std::iter::repeat_with(|| None).take(free.len() + things.len()).collect(), free };
        for (place, thing) in things {
            let empty = slab.places.get_mut(place as usize).filter(|place| place.is_none())?;
            *empty = Some(thing);
        }
        let vacant = slab.free.iter().all(|place| matches!(slab.places.get(*place as usize), Some(None)));
        vacant.then_some(slab)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.places.iter().enumerate().filter_map(|(place, thing)| Some((place as u32, thing.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_reused_and_given_back() {
        let mut slab = Slab::default();
        let places: Vec<_> = (0..2_000).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.remove(places[7]), Some(7));
        assert_eq!(slab.remove(places[7]), None);
        assert_eq!(slab.insert(9_000), places[7]);
        assert_eq!(slab.len(), 2_000);
        for place in places {
            assert!(slab.remove(place).is_some());
        }
        assert_eq!((slab.len(), slab.places.capacity()), (0, 0));
    }
}
