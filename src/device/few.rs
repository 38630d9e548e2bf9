//! A map of a few entries behind each other: most devices have one session and nothing else, which
//! lies in the map itself, and an empty map holds no memory (a `HashMap` keeps its table, and 48 bytes besides).

/// Keys are compared one by one.
#[derive(Debug)]
// The box is the point: without a second entry the rest is one null pointer.
#[allow(clippy::box_collection)]
pub(super) struct Few<K, V> {
    first: Option<(K, V)>,
    rest: Option<Box<Vec<(K, V)>>>,
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self {
            first: None,
            rest: None,
        }
    }
}

impl<K: PartialEq, V> Few<K, V> {
    pub fn insert(&mut self, key: K, value: V) {
        if let Some((_, old)) = self.iter_mut().find(|(known, _)| *known == key) {
            *old = value;
            return;
        }
        if self.first.is_none() {
            self.first = Some((key, value));
        } else {
            self.rest.get_or_insert_default().push((key, value));
        }
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let found = self.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = match &self.first {
            Some((known, _)) if known == key => self.first.take(),
            _ => {
                let rest = self.rest.as_mut()?;
                let at = rest.iter().position(|(known, _)| known == key)?;
                Some(rest.swap_remove(at))
            }
        };
        self.close_up();
        removed.map(|(_, value)| value)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.first.take_if(|(_, value)| !keep(value));
        if let Some(rest) = &mut self.rest {
            rest.retain(|(_, value)| keep(value));
        }
        self.close_up();
    }

    /// Empties it.
    pub fn take(&mut self) -> impl Iterator<Item = V> {
        let Self { first, rest } = std::mem::take(self);
        let rest = rest.into_iter().flat_map(|rest| *rest);
        first.into_iter().chain(rest).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        self.first.iter().chain(rest)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut (K, V)> {
        let rest = self.rest.iter_mut().flat_map(|rest| rest.iter_mut());
        self.first.iter_mut().chain(rest)
    }

    /// The first place is not left free, and no memory is kept for nothing.
    fn close_up(&mut self) {
        if let Some(rest) = self.rest.as_mut().filter(|_| self.first.is_none()) {
            self.first = rest.pop();
        }
        self.rest.take_if(|rest| rest.is_empty());
    }
}

/// A map that nearly always is empty: one pointer while it is.
#[derive(Debug)]
pub(super) struct Seldom<K, V>(Option<Box<Few<K, V>>>);

impl<K, V> Default for Seldom<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Seldom<K, V> {
    pub fn insert(&mut self, key: K, value: V) {
        self.0.get_or_insert_default().insert(key, value);
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref()?.get(key)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.0.as_mut()?.remove(key);
        self.release();
        removed
    }

    pub fn retain(&mut self, keep: impl FnMut(&V) -> bool) {
        if let Some(few) = &mut self.0 {
            few.retain(keep);
            self.release();
        }
    }

    /// Empties it.
    pub fn take(&mut self) -> impl Iterator<Item = V> {
        self.0.take().into_iter().flat_map(|mut few| few.take())
    }

    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter().flat_map(|few| few.iter())
    }

    fn release(&mut self) {
        self.0.take_if(|few| few.first.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_that_holds_no_memory_when_it_is_empty() {
        let mut few = Few::default();
        few.insert(1, "a");
        few.insert(2, "b");
        few.insert(1, "c");
        assert_eq!((few.get(&1), few.get(&2)), (Some(&"c"), Some(&"b")));
        assert_eq!((few.remove(&1), few.remove(&1)), (Some("c"), None));
        few.retain(|value| *value != "b");
        assert_eq!(few.iter().count(), 0);
        assert!(few.first.is_none() && few.rest.is_none());
        (1..=4).for_each(|key| few.insert(key, "d"));
        assert_eq!((few.remove(&1), few.remove(&3)), (Some("d"), Some("d")));
        assert_eq!((few.get(&2), few.get(&4)), (Some(&"d"), Some(&"d")));
        assert_eq!((few.take().count(), few.iter().count()), (2, 0));
    }

    #[test]
    fn what_is_seldom_needed_is_one_pointer_without_it() {
        assert_eq!(size_of::<Seldom<u64, String>>(), size_of::<usize>());
        let mut seldom = Seldom::default();
        assert_eq!(seldom.get(&1), None);
        assert_eq!(seldom.remove(&1), None);
        seldom.insert(1, "a");
        seldom.insert(2, "b");
        assert_eq!((seldom.get(&1), seldom.iter().count()), (Some(&"a"), 2));
        assert_eq!(seldom.remove(&1), Some("a"));
        assert_eq!(seldom.get(&2), Some(&"b"));
        seldom.retain(|value| *value != "b");
        assert!(seldom.0.is_none());
        seldom.insert(3, "c");
        assert_eq!(seldom.take().collect::<Vec<_>>(), ["c"]);
        assert!(seldom.0.is_none());
    }
}
