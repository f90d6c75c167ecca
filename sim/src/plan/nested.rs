//! Calls that handlers make while they run.

use super::{CallPlan, How, MS, NOTE_TIMEOUT, Plan, SECOND};
use crate::dice::Dice;
use crate::event::CallId;

/// Nobody makes them but a handler.
const NO_CLIENT: usize = usize::MAX;

/// Adds some, in some worlds. They make none in turn.
pub(super) fn add(dice: &mut Dice, plan: &mut Plan) {
    if !dice.per_mille(200) {
        return;
    }
    let share = dice.number(20..400) as u32;
    for at in 0..plan.calls.len() {
        if !dice.per_mille(share) {
            continue;
        }
        plan.calls[at].inner = Some(plan.calls.len() as CallId);
        let notification = dice.per_mille(150);
        let timeout = dice.scaled(20 * MS..30 * SECOND);
        plan.calls.push(CallPlan {
            at: plan.calls[at].at,
            client: NO_CLIENT,
            service: dice.index(plan.services.len()),
            key: dice.number(0..5),
            notification,
            timeout: if notification { NOTE_TIMEOUT } else { timeout },
            takes: if dice.per_mille(500) { 0 } else { dice.scaled(1000..2 * SECOND) },
            how: if dice.per_mille(100) { How::Fail } else { How::Finish },
            forgotten_after: None,
            within: Some(at as CallId),
            inner: None,
            skipped: false,
        });
    }
}
