//! Breaking the glass (*breekglas*): a coordinator widens sharing in one case, for one recipient
//! and a while. It ends by itself, and somebody looks back at it.

use super::dossier::Dossier;
use super::order::OrderFault;
use super::task::Question;
use super::work::{Entry, Work};
use crate::catalogue::partner::Partner;
use crate::catalogue::purpose::Purpose;
use crate::message::{Glass, PartnerId, Timestamp};

impl Dossier {
    /// Glasses that nobody ended yet, those included whose term has just passed.
    pub fn open_glasses(&self) -> impl Iterator<Item = &Glass> {
        self.glasses.iter().filter(|glass| glass.ended.is_none())
    }

    /// Whether a glass is open, or was and must still be looked back at.
    pub fn is_widened(&self) -> bool {
        let asked = |task: &super::Task| task.question() == Some(Question::BeoordeelBreekglas);
        self.open_glasses().next().is_some() || self.open_tasks().any(asked)
    }

    /// The glasses that ended, or end earlier, since `before`: what waits because of them is to be
    /// looked at again.
    pub fn narrowed_since(&self, before: &Self) -> Vec<PartnerId> {
        let open = before.open_glasses().filter(|was| {
            let now = self.glasses.iter().find(|glass| glass.recipient == was.recipient);
            now.is_none_or(|now| now.ended.is_some() || now.until < was.until)
        });
        open.map(|glass| glass.recipient.clone()).collect()
    }
}

impl Work<'_> {
    /// Breaks the glass for a recipient. Where it is open already, it is open for longer.
    pub fn break_glass(
        &mut self,
        recipient: &PartnerId,
        until: Timestamp,
    ) -> Result<(), OrderFault> {
        let at = self.scene.at;
        let partner = self.scene.catalogue.partner(recipient).ok_or(OrderFault::UnknownPartner)?;
        let recipient = &partner.id;
        if until <= at {
            return Err(OrderFault::PastTerm);
        }
        let minutes = self.wakeable(partner).ok_or(OrderFault::NothingSleeps)?;
        if until > at.plus_seconds(i64::from(minutes) * 60) {
            return Err(OrderFault::GlassTooLong(minutes));
        }
        if let Some(place) = self.open_glass(recipient) {
            let known = self.dossier.glasses.get(place).map(|glass| glass.until);
            if known.is_some_and(|known| known <= at) {
                // It passed while no hub ran: that is a glass of its own, with its own review.
                self.end_glass(place);
            } else if known.is_some_and(|known| until <= known) {
                return Err(OrderFault::GlassOpen);
            }
        }
        self.dossier.glasses.retain(|glass| glass.recipient != *recipient);
        let recipient = recipient.clone();
        self.dossier.glasses.push(Glass {
            recipient: recipient.clone(),
            since: at,
            until,
            ended: None,
        });
        self.follow.shares.push(recipient);
        Ok(())
    }

    /// Ends it before its time.
    pub fn end_glass_of(&mut self, recipient: &PartnerId) -> Result<(), OrderFault> {
        let place = self.open_glass(recipient).ok_or(OrderFault::NoGlass)?;
        self.end_glass(place);
        Ok(())
    }

    /// A glass ends, by itself or by hand, and a coordinator is asked to look back at it.
    pub fn end_glass(&mut self, place: usize) {
        let at = self.scene.at;
        let Some(glass) = self.dossier.glasses.get_mut(place) else { return };
        glass.ended = Some(at.min(glass.until));
        let recipient = glass.recipient.clone();
        let partner = Some(recipient.clone());
        let ended = Entry { partner, ..Entry::plain("breekglas-voorbij") };
        self.follow.entries.push(ended);
        self.question_about(Question::BeoordeelBreekglas, recipient);
    }

    fn open_glass(&self, recipient: &PartnerId) -> Option<usize> {
        let open = |glass: &Glass| glass.recipient == *recipient && glass.ended.is_none();
        self.dossier.glasses.iter().position(open)
    }

    /// For how many minutes the glass may be broken for a partner; `None` where no purpose that
    /// sleeps would ever give it anything about this theme.
    fn wakeable(&self, recipient: &Partner) -> Option<u16> {
        let theme = self.scene.case.theme.as_deref();
        let others = || self.scene.catalogue.partners.values().filter(|p| p.id != recipient.id);
        let concerns = |purpose: &&Purpose| {
            purpose.covers_theme(theme)
                && purpose.is_valid(self.scene.at)
                && others().any(|origin| Purpose::names(&purpose.origins, origin))
        };
        let purposes = self.scene.catalogue.purposes_to(recipient).filter(concerns);
        purposes.filter_map(|purpose| purpose.glass).max()
    }
}

#[cfg(test)]
mod tests;
