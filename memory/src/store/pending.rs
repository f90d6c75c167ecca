//! What is pending in a group, in the order of the stream.

use std::collections::VecDeque;

use clamator_core::StreamId;

use super::group::Delivery;

/// Entries mostly come in order and go from the front: both cost next to nothing then.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    list: VecDeque<(StreamId, Delivery)>,
}

impl Pending {
    fn find(&self, id: StreamId) -> Result<usize, usize> {
        match (self.list.front(), self.list.back()) {
            (Some((first, _)), _) if *first == id => Ok(0),
            (_, Some((last, _))) if *last >= id => self.list.binary_search_by_key(&id, |it| it.0),
            _ => Err(self.list.len()),
        }
    }

    pub(super) fn get(&self, id: StreamId) -> Option<&Delivery> {
        self.list.get(self.find(id).ok()?).map(|(_, delivery)| delivery)
    }

    pub(super) fn get_mut(&mut self, id: StreamId) -> Option<&mut Delivery> {
        let at = self.find(id).ok()?;
        self.list.get_mut(at).map(|(_, delivery)| delivery)
    }

    pub(super) fn insert(&mut self, id: StreamId, delivery: Delivery) {
        match self.find(id) {
            Ok(at) => self.list[at].1 = delivery,
            Err(at) if at == self.list.len() => self.list.push_back((id, delivery)),
            Err(at) => self.list.insert(at, (id, delivery)),
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: StreamId) -> bool {
        match self.find(id) {
            Ok(0) => self.list.pop_front().is_some(),
            Ok(at) => self.list.remove(at).is_some(),
            Err(_) => false,
        }
    }

    /// The first one.
    pub(super) fn first(&self) -> Option<StreamId> {
        self.list.front().map(|(id, _)| *id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (StreamId, &Delivery)> {
        self.list.iter().map(|(id, delivery)| (*id, delivery))
    }

    /// From this id on.
    pub(super) fn from(&self, id: StreamId) -> impl Iterator<Item = (StreamId, &Delivery)> {
        let at = self.find(id).unwrap_or_else(|at| at);
        self.list.range(at..).map(|(id, delivery)| (*id, delivery))
    }

    /// After this id.
    pub(super) fn after(&self, id: StreamId) -> impl Iterator<Item = (StreamId, &Delivery)> {
        self.from(id).skip_while(move |(its, _)| *its == id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Anything in any order: it is what an ordered map is.
    #[test]
    fn it_is_in_the_order_of_the_stream_whatever_comes_and_goes() {
        let (mut pending, mut map) = (Pending::default(), BTreeMap::new());
        let mut number: u64 = 7;
        for step in 0..20_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (new, any) = (StreamId::new(step, 0), StreamId::new((number >> 33) % 500, 0));
            let id = if (number >> 20).is_multiple_of(3) { new } else { any };
            if (number >> 25).is_multiple_of(2) {
                pending.insert(id, Delivery::new("c".into(), step));
                map.insert(id, step);
            } else {
                let id =
                    map.keys().next().copied().filter(|_| !number.is_multiple_of(5)).unwrap_or(id);
                assert_eq!(pending.remove(id), map.remove(&id).is_some());
            }
            let ids = |ids: &mut dyn Iterator<Item = StreamId>| ids.take(9).collect::<Vec<_>>();
            assert_eq!(pending.get(any).is_some(), map.contains_key(&any));
            assert_eq!(pending.get_mut(any).is_some(), map.contains_key(&any));
            assert_eq!(pending.first(), map.keys().next().copied());
            assert_eq!(
                ids(&mut pending.from(any).map(|(id, _)| id)),
                ids(&mut map.range(any..).map(|(id, _)| *id))
            );
            let after = pending.after(any).map(|(id, _)| id).next();
            assert_eq!(after, map.range(any..).map(|(id, _)| *id).find(|id| *id != any));
        }
        assert!(pending.iter().map(|(id, _)| id).eq(map.into_keys()));
    }
}
