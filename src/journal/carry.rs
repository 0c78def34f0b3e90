//! Carrying out what one group asks, order by order, in its one transaction.

use super::order::{Answer, Done, Order};
use super::sequence::Tree;
use super::settle::Ended;
use super::unit::Unit;
use super::{JournalError, Submission};

impl Unit<'_> {
    /// All orders of a group: first the tree, which reads committed leaves only, then what came
    /// in, then what went out, then the rest in turn.
    pub(super) async fn orders(
        &mut self,
        orders: &[&Order],
        tree: &mut Tree,
    ) -> Result<Vec<Answer>, JournalError> {
        let mut sequenced = None;
        if let Some(now) = orders.iter().find_map(|order| order.sequence_at()) {
            sequenced = Some(self.sequence(tree, now).await?);
        }
        let submissions: Vec<&Submission> =
            orders.iter().filter_map(|order| order.submission()).collect();
        let mut received = self.receive(&submissions).await?.into_iter();
        let ended: Vec<Ended<'_>> = orders.iter().filter_map(|order| order.ended()).collect();
        let mut settled = self.settle(&ended).await?.into_iter();
        let mut answers = Vec::with_capacity(orders.len());
        for order in orders {
            let answer = match order {
                Order::Settle { .. } => {
                    let answer = settled.next().unwrap_or(Err(JournalError::Stopped));
                    answer.map(|()| Done::Settled)
                }
                Order::Receive(_) => {
                    received.next().map(Done::Received).ok_or(JournalError::Stopped)
                }
                Order::Sequence { .. } => {
                    sequenced.map(Done::Sequenced).ok_or(JournalError::Stopped)
                }
                other => self.order(other).await,
            };
            match answer {
                Err(error) if !error.concerns_order_only() => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    async fn order(&mut self, order: &Order) -> Answer {
        match order {
            Order::TurnAway(message) => self.turn_away(message).await.map(Done::TurnedAway),
            Order::Claim { recipients, now, limit, lease_seconds } => {
                self.claim(recipients, *now, *limit, *lease_seconds).await.map(Done::Leased)
            }
            Order::Collect { partner, now, limit, lease_seconds, look } => self
                .collect(partner, *now, *limit, *lease_seconds, look.as_ref())
                .await
                .map(Done::Leased),
            Order::Confirm { order, rules } => self.confirm(order, rules).await.map(Done::Stage),
            Order::Quarantine { order, now } => {
                self.decide_quarantine(order, *now).await.map(|()| Done::Settled)
            }
            Order::Reveal { order, now } => self.reveal(order, *now).await.map(|()| Done::Settled),
            Order::Replay(replay) => self.replay(replay).await.map(Done::Replayed),
            Order::Release { token } => self.release(*token).await.map(|()| Done::Settled),
            Order::Mailbox { order, now } => {
                self.mailbox_order(order, *now).await.map(|()| Done::Settled)
            }
            Order::Partner { order, now } => self.partner_order(order, *now).await.map(Done::Added),
            Order::Case { order, rules, now } => {
                self.order_case(order, rules, *now).await.map(Done::Case)
            }
            Order::Hold { order, rules, now } => {
                self.hold(order, rules, *now).await.map(Done::Held)
            }
            Order::Clock { rules, now } => self.regie_clock(rules, *now).await.map(Done::Freed),
            Order::TellRegie { telling, now } => {
                self.tell_regie(telling, *now).await.map(Done::Freed)
            }
            Order::Alarm(order) => self.alarm_order(order).await.map(Done::Alarm),
            Order::Job { order, now } => self.job_order(order, *now).await.map(Done::Job),
            Order::Account { order, now } => self.account_order(order, *now).await.map(Done::Added),
            Order::RevealField { order, now } => {
                self.reveal_field(order, *now).await.map(|()| Done::Settled)
            }
            Order::Unblock { order, now } => self.unblock(order, *now).await.map(Done::Freed),
            Order::MakeDue { partner, now } => self.make_due(partner, *now).await.map(Done::Freed),
            Order::AskErasure { order, now } => {
                self.ask_erasure(order, *now).await.map(Done::ErasureAsked)
            }
            Order::RefuseErasure { order, now } => self.refuse_erasure(order, *now).await,
            Order::KeepLoose { judged } => self.keep_loose(judged).await.map(|()| Done::Settled),
            // Handled by their own paths.
            Order::Receive(_)
            | Order::Settle { .. }
            | Order::Sequence { .. }
            | Order::Erase { .. }
            | Order::FinishErasures { .. }
            | Order::ApproveErasure { .. }
            | Order::Rewrap
            | Order::Beat { .. }
            | Order::Compare { .. }
            | Order::Reopen { .. } => Err(JournalError::Stopped),
        }
    }
}
