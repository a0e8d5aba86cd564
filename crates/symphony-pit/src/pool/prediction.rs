//! Which models will be used next: by what followed what, by the hour, and by what is used most. Pure.

use std::collections::HashMap;

use crate::ids::ModelId;

/// One use of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsagePattern {
    /// The model.
    pub model: ModelId,
    /// The model that was used before it in the same workflow or session, if any.
    pub after: Option<ModelId>,
    /// The hour of the week, 0 to 167; larger numbers are taken modulo that.
    pub hour: u32,
}

/// What is known when a prediction is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PredictionContext {
    /// The model that was used last in the workflow or session, if any.
    pub after: Option<ModelId>,
    /// The hour of the week, 0 to 167.
    pub hour: u32,
}

/// So many uses, and older ones count half.
const HALF_LIFE: u32 = 4096;

/// So many models are given at most.
const MOST: usize = 16;

/// How much is known of a context before it counts fully: so many uses in it count as much as all that is known without it.
const TRUST: f32 = 4.0;

type Counts = HashMap<ModelId, f32>;

/// What was used.
#[derive(Debug, Default)]
pub(crate) struct Predictor {
    overall: Counts,
    following: HashMap<ModelId, Counts>,
    by_hour: HashMap<u32, Counts>,
    uses: u32,
}

impl Predictor {
    pub(crate) fn record(&mut self, usage: UsagePattern) {
        *self.overall.entry(usage.model).or_default() += 1.0;
        let hour = self.by_hour.entry(usage.hour % 24).or_default();
        *hour.entry(usage.model).or_default() += 1.0;
        if let Some(after) = usage.after {
            let following = self.following.entry(after).or_default();
            *following.entry(usage.model).or_default() += 1.0;
        }
        self.uses += 1;
        if self.uses.is_multiple_of(HALF_LIFE) {
            self.age();
        }
    }

    /// Halves everything, and forgets what has become rare: what changes is noticed, and memory is bounded.
    fn age(&mut self) {
        let contexts = self.following.values_mut().chain(self.by_hour.values_mut());
        for counts in contexts.chain([&mut self.overall]) {
            counts.retain(|_, count| {
                *count /= 2.0;
                *count >= 0.25
            });
        }
        self.following.retain(|_, counts| !counts.is_empty());
    }

    pub(crate) fn predict(&self, context: PredictionContext) -> Vec<(ModelId, f32)> {
        let none = Counts::new();
        let hour = self.by_hour.get(&(context.hour % 24)).unwrap_or(&none);
        let following = context
            .after
            .and_then(|after| self.following.get(&after))
            .unwrap_or(&none);
        let total = |counts: &Counts| counts.values().sum::<f32>();
        let (overall_total, hour_total, following_total) = (total(&self.overall), total(hour), total(following));
        let mut likely: Vec<(ModelId, f32)> = self
            .overall
            .iter()
            .map(|(model, count)| {
                let count_in = |counts: &Counts| counts.get(model).copied().unwrap_or_default();
                // Each context corrects what is known without it, the more the more was seen in it.
                let overall = count / overall_total.max(1.0);
                let at_hour = (count_in(hour) + TRUST * overall) / (hour_total + TRUST);
                let after = (count_in(following) + TRUST * at_hour) / (following_total + TRUST);
                (*model, after)
            })
            .collect();
        likely.sort_by(|(left_model, left), (right_model, right)| {
            right.total_cmp(left).then(left_model.cmp(right_model))
        });
        likely.truncate(MOST);
        likely
    }
}
