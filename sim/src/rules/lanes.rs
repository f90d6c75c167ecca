//! **No more run at a time than are allowed**: on one server a service runs at most as many requests as it has slots, a serial
//! one one, and an ordered one those of one key one at a time.

use super::{Broken, Rule, broken};
use crate::book::{Book, Discipline, Role};
use crate::event::{Event, LifeId, RunId};

#[derive(Debug, Default)]
pub(crate) struct Lanes {
    under_way: Vec<(LifeId, usize, RunId)>,
}

impl Rule for Lanes {
    const NAME: &'static str = "no more run at a time than are allowed";

    fn see(&mut self, book: &Book, event: &Event<'_>) -> Result<(), Broken> {
        match event {
            Event::Ended { run, .. } => self.under_way.retain(|(_, _, it)| it != run),
            Event::Began { run, life, call, .. } if book.lives[*life].role == Role::Server => {
                let it = book.call(*call);
                let service = &book.services[it.service];
                let next_to =
                    self.under_way.iter().filter(|(l, s, _)| l == life && *s == it.service);
                let mut count = 0;
                for (_, _, other) in next_to {
                    count += 1;
                    let other = book.call(book.runs[*other].call);
                    if let Discipline::Ordered(_) = service.discipline
                        && other.key == it.key
                    {
                        let what = format!(
                            "{} begins next to another one of key {}",
                            book.call_name(*call),
                            it.key
                        );
                        return broken(*call, what);
                    }
                }
                if count >= service.discipline.slots() {
                    let what = format!(
                        "{} begins on {} as one more than {count}",
                        book.call_name(*call),
                        book.lives[*life].name
                    );
                    return broken(*call, what);
                }
                self.under_way.push((*life, it.service, *run));
            }
            _ => {}
        }
        Ok(())
    }
}
