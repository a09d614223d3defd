//! Passes over the matrix of updates, a block of columns at a time, on as many cores as libtorch may use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use aconite_core::{Error, Result, Updates};
use tch::{Device, Kind, Tensor};

use crate::kernels::finite;

/// Numbers in a tile: 1 MB, so that a tile stays in a core's own cache.
const TILE: usize = 1 << 18;
/// Into how many parts a pass is cut at most. It must not depend on the number of cores, because the parts' sums
/// are added in order: so results are the same bits on any number.
const PARTS: usize = 32;

/// The updates of a round, checked: f32, n × d, with at least one row and column.
#[derive(Debug)]
pub(crate) struct Matrix<'a> {
    flat: Tensor,
    clients: &'a [usize],
    size: Size,
}

/// How a pass is cut. All of it follows from the shape alone.
#[derive(Debug, Clone, Copy)]
struct Size {
    n: usize,
    d: usize,
    /// Columns of a tile.
    width: usize,
    /// Columns of a part, a multiple of a tile's.
    part: usize,
}

/// Some neighbouring columns of every row.
pub(crate) struct Tile<'a> {
    /// The first column.
    pub start: usize,
    /// Number of columns.
    pub width: usize,
    values: &'a [f32],
}

impl Tile<'_> {
    /// The tile's columns of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// The tile's columns of every row.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// The tile's part of a vector over all columns.
    pub fn of<'v>(&self, vector: &'v [f32]) -> &'v [f32] {
        &vector[self.start..self.start + self.width]
    }
}

/// What a pass gives.
pub(crate) struct Swept {
    /// A number per column, if asked for.
    pub columns: Vec<f32>,
    /// Sums over all columns.
    pub sums: Vec<f64>,
}

impl<'a> Matrix<'a> {
    /// The matrix of the round's updates.
    pub fn of(updates: &Updates<'a>) -> Result<Self> {
        Self::new(updates.matrix, updates.clients)
    }

    /// A matrix whose rows belong to these clients.
    pub fn new(matrix: &Tensor, clients: &'a [usize]) -> Result<Self> {
        let (n, d) = match *matrix.size() {
            [n, d] if n > 0 && d > 0 => (n as usize, d as usize),
            ref size => {
                return Err(Error::new(format!(
                    "updates are a matrix of clients × parameters, at least 1 × 1; this one's shape is {size:?}"
                )));
            }
        };
        if matrix.f_kind()? != Kind::Float || matrix.device() != Device::Cpu {
            let (kind, device) = (matrix.f_kind()?, matrix.device());
            return Err(Error::new(format!("updates are f32 in main memory, not {kind:?} on {device:?}")));
        }
        let width = (TILE / n).clamp(64, 8192);
        let part = d.div_ceil(width).div_ceil(PARTS) * width;
        let flat = matrix.f_detach()?.f_contiguous()?.f_view([-1])?;
        Ok(Self { flat, clients, size: Size { n, d, width, part } })
    }

    /// Number of updates, n.
    pub fn len(&self) -> usize {
        self.size.n
    }

    /// Number of parameters, d.
    pub fn columns(&self) -> usize {
        self.size.d
    }

    /// The matrix, n × d, sharing its storage.
    pub fn tensor(&self) -> Result<Tensor> {
        Ok(self.flat.f_view([self.size.n as i64, self.size.d as i64])?)
    }

    /// One update, sharing its storage.
    pub fn row(&self, row: usize) -> Result<Tensor> {
        let d = self.size.d as i64;
        Ok(self.flat.f_narrow(0, row as i64 * d, d)?)
    }

    /// Whose update a row is.
    pub fn name(&self, row: usize) -> String {
        // After a mixing, rows are nobody's.
        match self.clients {
            clients if clients.len() == self.size.n => format!("client {} (row {row})", clients[row]),
            _ => format!("row {row}"),
        }
    }

    /// Refuses updates that are not finite, by name.
    pub fn check_finite(&self) -> Result<()> {
        for row in 0..self.size.n {
            if self.row(row)?.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Err(Error::new(format!(
                    "the update of {} holds infinities or no numbers",
                    self.name(row)
                ))
                .hint("lower the learning rate or the attack's factor"));
            }
        }
        Ok(())
    }

    /// Visits every tile once. `visit` gets the tile, its part of the output (empty unless `outputs`) and `sums`
    /// sums to add to.
    pub fn sweep<V>(&self, outputs: bool, sums: usize, visit: V) -> Result<Swept>
    where
        V: Fn(&Tile<'_>, &mut [f32], &mut [f64]) + Sync,
    {
        let size = self.size;
        let mut columns = vec![0.0f32; if outputs { size.d } else { 0 }];
        let mut chunks = columns.chunks_mut(size.part);
        let parts = size.d.div_ceil(size.part);
        let jobs = Mutex::new((0..parts).map(|at| (at, chunks.next().unwrap_or_default())));
        let broken = AtomicBool::new(false);
        let work = |flat: Tensor| work(&flat, size, sums, &jobs, &broken, &visit);
        let threads = (tch::get_num_threads().max(1) as usize).min(parts);
        let mut done = if threads == 1 {
            work(self.flat.shallow_clone())?
        } else {
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|_| {
                        let (flat, work) = (self.flat.shallow_clone(), &work);
                        scope.spawn(move || work(flat))
                    })
                    .collect();
                let mut all = Vec::with_capacity(parts);
                for worker in workers {
                    all.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
                }
                Ok::<_, Error>(all)
            })?
        };
        if broken.into_inner() {
            self.check_finite()?;
        }
        done.sort_unstable_by_key(|&(at, _)| at);
        let mut total = vec![0.0; sums];
        for (_, part) in done {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
        Ok(Swept { columns, sums: total })
    }
}

/// Takes part after part until there is none left; the parts' sums, with their numbers.
fn work<'o>(
    flat: &Tensor,
    size: Size,
    sums: usize,
    jobs: &Mutex<impl Iterator<Item = (usize, &'o mut [f32])>>,
    broken: &AtomicBool,
    visit: &impl Fn(&Tile<'_>, &mut [f32], &mut [f64]),
) -> Result<Vec<(usize, Vec<f64>)>> {
    let mut buffer = vec![0.0f32; size.n * size.width];
    let mut done = Vec::new();
    while !broken.load(Ordering::Relaxed) {
        let Some((at, mut out)) = jobs.lock().unwrap_or_else(PoisonError::into_inner).next() else {
            break;
        };
        let mut total = vec![0.0; sums];
        let end = ((at + 1) * size.part).min(size.d);
        for start in (at * size.part..end).step_by(size.width) {
            let width = size.width.min(end - start);
            let values = &mut buffer[..size.n * width];
            for (row, values) in values.chunks_exact_mut(width).enumerate() {
                // A stretch of a contiguous row: libtorch copies it once, without threads of its own.
                let place = row * size.d + start;
                flat.f_narrow(0, place as i64, width as i64)?.f_copy_data(values, width)?;
            }
            if !finite(values) {
                broken.store(true, Ordering::Relaxed);
                return Ok(done);
            }
            let (here, rest) = out.split_at_mut(width.min(out.len()));
            visit(&Tile { start, width, values }, here, &mut total);
            out = rest;
        }
        done.push((at, total));
    }
    Ok(done)
}
