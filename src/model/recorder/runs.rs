//! What becomes of a run's writes: taken, kept waiting or thrown away, and the schema that goes with them.

use std::sync::Arc;

use super::{Recorder, Staged};
use crate::model::{Schema, Series};

impl Recorder {
    /// How many series were written in this run.
    pub fn staged(&self) -> usize {
        self.touched.len()
    }

    /// Takes the staged writes and begins the next run.
    pub fn commit(&mut self) -> Staged {
        let schema = self.send_schema();
        let mut writes = Vec::with_capacity(self.held.len() + self.touched.len());
        for (id, pending) in self.held.drain(..) {
            // One that was retired since takes what it was given along.
            if let Some(row) = self.rows.get_mut(id) {
                row.commit(self.run);
                pending.write(row.slot, &mut writes);
            }
        }
        for index in self.touched.drain(..) {
            let row = self.rows.at(index);
            if let Some(pending) = row.take_pending() {
                row.commit(self.run);
                pending.write(row.slot, &mut writes);
            }
        }
        self.begin_run();
        Staged { schema, writes }
    }

    /// Lets the staged writes wait for the next commit, and begins the next run. They are dropped with their series, or
    /// by [`Recorder::forget_instance`].
    pub fn hold(&mut self) {
        for index in self.touched.drain(..) {
            let row = self.rows.at(index);
            if let Some(pending) = row.take_pending() {
                row.held = true;
                self.held.push((row.id, pending));
            }
        }
        self.begin_run();
    }

    /// Throws the staged writes away and begins the next run. Definitions stay, and so do series whose ids were given
    /// out; others that this run made go with what it wrote to them.
    pub fn discard(&mut self) {
        for index in self.touched.drain(..) {
            self.rows.at(index).take_pending();
        }
        if self.made {
            self.remove_all(|row| !row.committed && !row.bound && !row.held);
        }
        self.begin_run();
    }

    /// The instance that wrote until now is gone, and with it the ids it was given, the writes that it left waiting and
    /// the series that only they needed.
    pub fn forget_instance(&mut self) {
        self.discard();
        self.held.clear();
        for row in self.rows.iter_mut() {
            (row.bound, row.held) = (false, false);
        }
        self.remove_all(|row| !row.committed);
        self.rows.forget_ids();
    }

    /// What a failed run leaves for readers: nothing, unless series were taken away.
    pub fn leftover(&mut self) -> Staged {
        if self.gone.is_empty() && !self.renewed {
            return Staged::default();
        }
        Staged {
            schema: self.send_schema(),
            writes: Vec::new(),
        }
    }

    /// The schema for readers, who then know what was taken away.
    fn send_schema(&mut self) -> Arc<Schema> {
        let schema = self.schema();
        self.gone.clear();
        if std::mem::take(&mut self.renewed) {
            // Whoever takes this schema a second time must not begin anew a second time.
            self.schema = None;
            self.rows.iter_mut().for_each(|row| row.fresh = false);
        }
        schema
    }

    fn begin_run(&mut self) {
        self.run += 1;
        self.made = false;
    }

    /// Lays the live series out anew if they are not the same any more.
    fn schema(&mut self) -> Arc<Schema> {
        if let Some(schema) = &self.schema {
            return schema.clone();
        }
        let mut slots = 0;
        let mut series = Vec::with_capacity(self.rows.live());
        for row in self.rows.iter_mut() {
            let metric = &self.metrics[row.metric.0 as usize].metric;
            // No more than a million series of 203 slots.
            row.slot = slots as u32;
            slots += metric.slots();
            series.push(Series {
                metric: metric.clone(),
                labels: row.labels.clone(),
                slot: row.slot,
                fresh: row.fresh,
            });
        }
        let schema = Arc::new(Schema {
            series,
            slots,
            text: self.text,
            recorded: true,
        });
        self.schema = Some(schema.clone());
        schema
    }
}
