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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Id128;

    fn model(number: usize) -> ModelId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&(number as u64).to_be_bytes());
        ModelId(Id128::from_bytes(bytes))
    }

    /// Numbers that look random and are the same in each run: the traces are fixed by it.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    const USES: usize = 6000;

    /// By day four models, by night four others, a tenth of the uses any of twenty.
    fn diurnal() -> Vec<UsagePattern> {
        let mut numbers = Numbers(1);
        let use_at = |number: usize| {
            let hour = u32::try_from(number / 20 % 168).unwrap_or_default();
            let shift = if (8..20).contains(&(hour % 24)) { 0 } else { 4 };
            let usual = shift + [0, 0, 0, 1, 1, 2, 2, 3][usize::try_from(numbers.below(8)).unwrap_or_default()];
            let any = usize::try_from(numbers.below(20)).unwrap_or_default();
            let model = model(if numbers.below(10) == 0 { any } else { usual });
            UsagePattern {
                model,
                after: None,
                hour,
            }
        };
        (0..USES).map(use_at).collect()
    }

    /// Five workflows of four steps, of which each second has a branch, in a random order.
    fn workflows() -> Vec<UsagePattern> {
        let mut numbers = Numbers(2);
        let mut trace = Vec::new();
        while trace.len() < USES {
            let workflow = usize::try_from(numbers.below(5)).unwrap_or_default();
            let mut after = None;
            for step in 0..4 {
                let branch = usize::from(step % 2 == 1 && numbers.below(3) == 0);
                let model = model(workflow * 8 + step * 2 + branch);
                trace.push(UsagePattern { model, after, hour: 0 });
                after = Some(model);
            }
        }
        trace
    }

    /// Twenty models; the n-th most used is used as often as 1 / n^1.5.
    fn zipf() -> Vec<UsagePattern> {
        let mut numbers = Numbers(3);
        let weights: Vec<u64> = (1..=20_u64)
            .map(|rank| 1_000_000_000 / (rank * rank * rank * 1_000_000).isqrt())
            .collect();
        let total = weights.iter().sum();
        let mut draw = || {
            let mut left = numbers.below(total);
            let rank = weights.iter().position(|weight| {
                let here = left < *weight;
                left = left.saturating_sub(*weight);
                here
            });
            UsagePattern {
                model: model(rank.unwrap_or_default()),
                after: None,
                hour: 0,
            }
        };
        (0..USES).map(|_| draw()).collect()
    }

    /// Of the uses after the first third: how many were among the first three predicted, and how many among the three used
    /// last, which is what stays loaded without prediction.
    fn recall(trace: &[UsagePattern], counts: impl Fn(&UsagePattern) -> bool) -> (f64, f64) {
        let mut predictor = Predictor::default();
        let (mut uses, mut predicted, mut recent, mut last) = (0.0, 0.0, 0.0, Vec::new());
        for (number, usage) in trace.iter().enumerate() {
            if number > trace.len() / 3 && counts(usage) {
                let context = PredictionContext {
                    after: usage.after,
                    hour: usage.hour,
                };
                let first: Vec<_> = predictor
                    .predict(context)
                    .into_iter()
                    .take(3)
                    .map(|(model, _)| model)
                    .collect();
                uses += 1.0;
                predicted += f64::from(u8::from(first.contains(&usage.model)));
                recent += f64::from(u8::from(last.contains(&usage.model)));
            }
            last.retain(|model| *model != usage.model);
            last.insert(0, usage.model);
            last.truncate(3);
            predictor.record(*usage);
        }
        (predicted / uses, recent / uses)
    }

    #[test]
    fn the_next_model_is_among_three_in_seven_of_ten_cases() {
        for (name, trace) in [("diurnal", diurnal()), ("zipf", zipf())] {
            let (predicted, recent) = recall(&trace, |_| true);
            assert!(predicted > 0.7, "{name}: {predicted}");
            assert!(predicted > recent, "{name}: {predicted}, without prediction {recent}");
        }
    }

    #[test]
    fn steps_of_workflows_are_loaded_before_they_are_wanted() {
        // The first step of a workflow is anybody's guess.
        let (predicted, recent) = recall(&workflows(), |usage| usage.after.is_some());
        assert!(predicted > 0.95, "{predicted}");
        assert!(
            1.0 - predicted < (1.0 - recent) / 2.0,
            "half of the cold starts, at most: {predicted}, {recent}"
        );
    }

    #[test]
    fn what_is_no_longer_used_is_forgotten() {
        let mut predictor = Predictor::default();
        let usage = |number| UsagePattern {
            model: model(number),
            after: Some(model(0)),
            hour: 0,
        };
        predictor.record(usage(1));
        for _ in 0..HALF_LIFE * 4 {
            predictor.record(usage(2));
        }
        let known = predictor.predict(PredictionContext::default());
        assert_eq!(known.iter().map(|(model, _)| *model).collect::<Vec<_>>(), [model(2)]);
    }
}
