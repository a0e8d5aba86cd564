//! Whether a model may be loaded now, and what must go first. Pure: what is loaded is an argument, and the answer is a plan.

use std::collections::BTreeMap;

use crate::lifecycle::InstanceState;
use crate::resources::ResourceRequirements;
use crate::time::Mono;

/// What can be used at most, over all processes. `None`: no bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Budget {
    /// Main memory in units of 2^20 bytes.
    pub memory_mb: Option<u64>,
    /// Memory of graphics processors in units of 2^20 bytes.
    pub gpu_memory_mb: Option<u64>,
    /// Thousandths of processor cores.
    pub cpu_millis: Option<u64>,
    /// Countable resources by name. One that is not named here has none. Each process says this for itself; the others are
    /// the domain's.
    pub named: BTreeMap<String, u32>,
}

/// What one loaded model needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Needs {
    pub(crate) memory_mb: u64,
    pub(crate) gpu_memory_mb: u64,
    pub(crate) cpu_millis: u64,
    pub(crate) named: BTreeMap<String, u32>,
}

impl Needs {
    pub(crate) fn of(requirements: &ResourceRequirements) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be finite and not negative; too many cores are refused whatever their number"
        )]
        let cpu_millis = (requirements.cpu_cores * 1000.0).ceil() as u64;
        Self {
            memory_mb: requirements.memory_mb,
            gpu_memory_mb: requirements.gpu_memory_mb.unwrap_or_default(),
            cpu_millis,
            named: requirements.named.clone(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.memory_mb = self.memory_mb.saturating_add(other.memory_mb);
        self.gpu_memory_mb = self.gpu_memory_mb.saturating_add(other.gpu_memory_mb);
        self.cpu_millis = self.cpu_millis.saturating_add(other.cpu_millis);
        for (name, count) in &other.named {
            let sum = self.named.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().fold(Self::default(), |mut sum, needs| {
            sum.add(needs);
            sum
        })
    }

    /// What of it is more than the budget has, in words.
    pub(crate) fn excess(&self, budget: &Budget) -> Option<String> {
        let bounded = [
            ("MB of memory", self.memory_mb, budget.memory_mb),
            ("MB of graphics memory", self.gpu_memory_mb, budget.gpu_memory_mb),
            ("thousandths of cores", self.cpu_millis, budget.cpu_millis),
        ];
        for (what, needed, bound) in bounded {
            if let Some(bound) = bound.filter(|bound| needed > *bound) {
                return Some(format!("{needed} {what} of {bound}"));
            }
        }
        self.named.iter().find_map(|(name, needed)| {
            let bound = budget.named.get(name).copied().unwrap_or_default();
            (*needed > bound).then(|| format!("{needed} of `{name}` of {bound}"))
        })
    }
}

/// A model that is loaded, or was and still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resident {
    /// Where it is.
    pub(crate) place: usize,
    pub(crate) state: InstanceState,
    pub(crate) needs: Needs,
    pub(crate) leases: usize,
    pub(crate) pinned: bool,
    pub(crate) last_use: Mono,
}

impl Resident {
    fn can_go(&self) -> bool {
        matches!(self.state, InstanceState::Hot | InstanceState::Parked) && self.leases == 0 && !self.pinned
    }
}

/// What to do for a model that is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// There is room.
    Load,
    /// These go first, the one that was not used for longest before the others; then it is planned again.
    Evict(Vec<usize>),
    /// There will be room when something is unloaded or given back.
    Wait,
    /// It needs more than there is in all.
    Never(String),
}

/// Plans. `residents` are those that count.
pub(crate) fn plan(budget: &Budget, residents: &[Resident], needs: &Needs) -> Plan {
    if let Some(excess) = needs.excess(budget) {
        return Plan::Never(excess);
    }
    let fits = |without: &[usize]| {
        let staying = residents
            .iter()
            .filter(|resident| resident.state.is_resident() && !without.contains(&resident.place));
        let mut sum = Needs::sum(staying.map(|resident| &resident.needs));
        sum.add(needs);
        sum.excess(budget).is_none()
    };
    if fits(&[]) {
        return Plan::Load;
    }
    let mut going: Vec<usize> = residents
        .iter()
        .filter(|resident| resident.state == InstanceState::Cooling)
        .map(|resident| resident.place)
        .collect();
    if fits(&going) {
        return Plan::Wait;
    }
    let mut candidates: Vec<_> = residents.iter().filter(|resident| resident.can_go()).collect();
    candidates.sort_by_key(|resident| (resident.last_use, resident.place));
    let mut victims = Vec::new();
    for candidate in candidates {
        going.push(candidate.place);
        victims.push(candidate.place);
        if fits(&going) {
            // One that was taken for its age may have turned out not to help.
            for victim in victims.clone() {
                let without: Vec<_> = going.iter().copied().filter(|place| *place != victim).collect();
                if fits(&without) {
                    going = without;
                    victims.retain(|place| *place != victim);
                }
            }
            return Plan::Evict(victims);
        }
    }
    Plan::Wait
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn needs(memory_mb: u64) -> Needs {
        Needs {
            memory_mb,
            ..Needs::default()
        }
    }

    fn resident(place: usize, memory_mb: u64, last_use: u64) -> Resident {
        Resident {
            place,
            state: InstanceState::Hot,
            needs: needs(memory_mb),
            leases: 0,
            pinned: false,
            last_use: Mono(last_use),
        }
    }

    fn budget(memory_mb: u64) -> Budget {
        Budget {
            memory_mb: Some(memory_mb),
            ..Budget::default()
        }
    }

    #[test]
    fn the_oldest_goes_and_only_what_helps() {
        let residents = [resident(0, 10, 3), resident(1, 5, 1), resident(2, 40, 2)];
        assert_eq!(plan(&budget(100), &residents, &needs(45)), Plan::Load);
        assert_eq!(plan(&budget(60), &residents, &needs(10)), Plan::Evict(vec![1]));
        // The oldest alone is too small, and with the next it is not needed any more.
        assert_eq!(plan(&budget(60), &residents, &needs(40)), Plan::Evict(vec![2]));
        assert_eq!(plan(&budget(60), &residents, &needs(60)), Plan::Evict(vec![1, 2, 0]));
        assert_eq!(
            plan(&budget(60), &residents, &needs(61)),
            Plan::Never("61 MB of memory of 60".into())
        );
    }

    #[test]
    fn what_is_lent_pinned_or_going_stays_out_of_it() {
        let lent = Resident {
            leases: 1,
            ..resident(0, 50, 1)
        };
        let pinned = Resident {
            pinned: true,
            ..resident(1, 50, 1)
        };
        assert_eq!(plan(&budget(100), &[lent, pinned], &needs(1)), Plan::Wait);
        let going = Resident {
            state: InstanceState::Cooling,
            ..resident(0, 50, 1)
        };
        assert_eq!(plan(&budget(100), &[going, resident(1, 50, 1)], &needs(50)), Plan::Wait);
    }

    #[test]
    fn named_resources_are_taken_all_at_once() {
        let mut budget = Budget::default();
        budget.named.insert("licence".into(), 1);
        let wants = |name: &str| Needs {
            named: [(name.to_owned(), 1)].into(),
            ..Needs::default()
        };
        let holder = Resident {
            needs: wants("licence"),
            leases: 1,
            ..resident(0, 0, 0)
        };
        assert_eq!(plan(&budget, &[], &wants("licence")), Plan::Load);
        assert_eq!(plan(&budget, &[holder], &wants("licence")), Plan::Wait);
        assert_eq!(
            plan(&budget, &[], &wants("other")),
            Plan::Never("1 of `other` of 0".into())
        );
    }

    #[derive(Debug, Clone)]
    enum Operation {
        Want(u64),
        Lend(usize),
        GiveBack(usize),
        Pin(usize),
        Unloaded(usize),
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            (1_u64..60).prop_map(Operation::Want),
            (0_usize..16).prop_map(Operation::Lend),
            (0_usize..16).prop_map(Operation::GiveBack),
            (0_usize..16).prop_map(Operation::Pin),
            (0_usize..16).prop_map(Operation::Unloaded),
        ]
    }

    proptest! {
        #[test]
        fn the_budget_is_never_exceeded_and_nothing_in_use_goes(operations in prop::collection::vec(operation(), 0..200)) {
            let budget = budget(100);
            let (mut residents, mut next): (Vec<Resident>, usize) = (Vec::new(), 0);
            for (time, operation) in operations.into_iter().enumerate() {
                let count = residents.len().max(1);
                match operation {
                    Operation::Want(memory) => match plan(&budget, &residents, &needs(memory)) {
                        Plan::Load => {
                            residents.push(resident(next, memory, time as u64));
                            next += 1;
                        }
                        Plan::Evict(victims) => {
                            prop_assert!(!victims.is_empty());
                            for resident in residents.iter_mut().filter(|resident| victims.contains(&resident.place)) {
                                prop_assert!(resident.can_go());
                                resident.state = InstanceState::Cooling;
                            }
                            prop_assert_eq!(plan(&budget, &residents, &needs(memory)), Plan::Wait);
                            residents.retain(|resident| !victims.contains(&resident.place));
                            residents.retain(|resident| resident.state != InstanceState::Cooling);
                            prop_assert_eq!(plan(&budget, &residents, &needs(memory)), Plan::Load);
                        }
                        Plan::Wait => {}
                        Plan::Never(_) => prop_assert!(memory > 100),
                    },
                    Operation::Lend(at) => if let Some(resident) = residents.get_mut(at % count) { resident.leases += 1 },
                    Operation::GiveBack(at) => if let Some(resident) = residents.get_mut(at % count) {
                        resident.leases = resident.leases.saturating_sub(1);
                        resident.last_use = Mono(time as u64);
                    },
                    Operation::Pin(at) => if let Some(resident) = residents.get_mut(at % count) { resident.pinned ^= true },
                    Operation::Unloaded(at) => if residents.get(at % count).is_some_and(Resident::can_go) {
                        residents.remove(at % count);
                    },
                }
                prop_assert!(Needs::sum(residents.iter().map(|resident| &resident.needs)).memory_mb <= 100);
            }
        }
    }
}
