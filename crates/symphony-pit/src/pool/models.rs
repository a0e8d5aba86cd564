//! Registered models: kept in the store `run`, and their places in the map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ModelRef;
use crate::domain::layout::MODEL_COUNT;
use crate::domain::{Durability, Shared, Table};
use crate::error::{PitCode, PitError, Result};
use crate::ids::{Id128, ModelId};
use crate::pending::Pending;
use crate::resources::ModelSpec;

/// A registered model, read.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) model: ModelRef,
    pub(crate) spec: Arc<ModelSpec>,
}

/// Models that this process has read already. They never change.
#[derive(Debug, Default)]
pub(crate) struct Models(Mutex<HashMap<ModelId, Arc<Entry>>>);

/// A record: the place in two bytes, then the specification.
fn parse(id: ModelId, record: &[u8]) -> Result<Entry> {
    let damaged = || PitError::pool(PitCode::Corrupted, format!("the record of model `{id}` is too short"));
    let (place, spec) = record.split_at_checked(2).ok_or_else(damaged)?;
    let place = usize::from(u16::from_le_bytes(place.try_into().map_err(|_| damaged())?));
    Ok(Entry {
        model: ModelRef { id, place },
        spec: Arc::new(ModelSpec::from_bytes(spec)?),
    })
}

fn id_from(bytes: &[u8]) -> Result<ModelId> {
    let bytes = bytes
        .try_into()
        .map_err(|_| PitError::pool(PitCode::Corrupted, "an identifier of a model has not 16 bytes"))?;
    Ok(ModelId(Id128::from_bytes(bytes)))
}

impl Models {
    pub(crate) fn register(shared: &Arc<Shared>, spec: ModelSpec) -> Pending<ModelRef> {
        let bytes = match spec.to_bytes() {
            Ok(bytes) => bytes,
            Err(error) => return Pending::ready(Err(error)),
        };
        let fingerprint = ModelSpec::fingerprint(&bytes);
        let domain = Arc::clone(shared);
        shared.run.transact(Durability::CrashSafe, move |writer| {
            if let Some(known) = writer.get(Table::Fingerprints, &fingerprint)? {
                let id = id_from(known)?;
                let record = writer.get(Table::Models, &id.0.bytes())?.unwrap_or_default();
                let model = parse(id, record)?.model;
                writer.put(Table::Names, spec.name.as_bytes(), &id.0.bytes())?;
                return Ok(model);
            }
            // Nobody else registers meanwhile, and models are never removed: the count is the next place. If this process
            // dies before the record is there, the next model takes the same.
            let place = usize::try_from(writer.len(Table::Models)?).unwrap_or(usize::MAX);
            if place >= MODEL_COUNT {
                return Err(PitError::pool(
                    PitCode::ResourceExhausted,
                    format!("{MODEL_COUNT} models are registered, and no more can be"),
                ));
            }
            let id = ModelId::new();
            let mut record = u16::try_from(place).unwrap_or_default().to_le_bytes().to_vec();
            record.extend_from_slice(&bytes);
            writer.put(Table::Models, &id.0.bytes(), &record)?;
            writer.put(Table::Fingerprints, &fingerprint, &id.0.bytes())?;
            writer.put(Table::Names, spec.name.as_bytes(), &id.0.bytes())?;
            domain.map().model(place).set_id(id);
            Ok(ModelRef { id, place })
        })
    }

    pub(crate) fn find(&self, shared: &Shared, name: &str) -> Result<ModelRef> {
        let id = shared.run.read(|reader| {
            let id = reader.get(Table::Names, name.as_bytes())?;
            id.map(id_from).transpose()
        })?;
        let unknown = || PitError::pool(PitCode::NotFound, format!("no model `{name}` is registered"));
        Ok(self.entry(shared, id.ok_or_else(unknown)?)?.model)
    }

    pub(crate) fn entry(&self, shared: &Shared, id: ModelId) -> Result<Arc<Entry>> {
        let read = |models: &HashMap<_, Arc<Entry>>| models.get(&id).map(Arc::clone);
        if let Some(entry) = read(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(entry);
        }
        let entry = shared.run.read(|reader| {
            let record = reader.get(Table::Models, &id.0.bytes())?;
            record.map(|record| parse(id, record)).transpose()
        })?;
        let unknown = || PitError::pool(PitCode::NotFound, format!("no model `{id}` is registered"));
        let entry = Arc::new(entry.ok_or_else(unknown)?);
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(models.entry(id).or_insert(entry)))
    }
}
