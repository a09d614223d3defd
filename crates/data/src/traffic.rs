//! `traffic`: made-up traffic on the links of a backbone, with a flow that is flooded at times.

mod network;

use std::path::PathBuf;
use std::sync::Arc;

use aconite_core::{Dataset, Error, Origins, Result, Seed, Table};
use aconite_grid::Kind;
use rand_distr::{Distribution, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Places, Source, Split};
use network::{BEHIND, CITIES, Network};

/// Made-up traffic on the 39 links of a backbone of 11 cities in bins of five minutes, normal or with one flow flooded;
/// needs no file.
///
/// Traffic on links is y(t) = A·x(t), x the 121 flows between cities (also within one) and A the routing matrix, 1 where
/// a flow takes a link: shortest ways over the links of Abilene, the backbone on which detectors of this kind were
/// studied. Flow from s to t has the mean w_s·w_t (a gravity model), w = exp(0.7·z) with z normal, scaled so that the
/// mean over all flows is 1, and at time t of a week the factor
/// u(t)·(1 + daily·sin(2π(t/day − zone_s)))·exp(noise·z − noise²/2), z normal, zone_s the city's time zone and u = 0.7 on
/// the week's last two days, else 1. A flooded bin has `volume` more in one flow. Weeks differ in z alone. The numbers are
/// made up; the topology is not.
///
/// Class 0 is `normal`, class 1 `attack`. Training set: `weeks` weeks of 2,016 normal bins in their order, then as many
/// flooded ones of other weeks. Test set: a normal and a flooded week. The seed of an experiment changes none of them, but
/// the bins that `train_size` draws.
///
/// Source: this program.
///
/// Paper: none; the model is that of Lakhina, Crovella, Diot 2004, "Diagnosing Network-Wide Traffic Anomalies", and of
/// Rubinstein et al. 2009, "ANTIDOTE", who measured real traffic.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Traffic {
    /// Weeks of training traffic, 1 to 52.
    #[schemars(range(min = 1, max = 52))]
    pub weeks: u32,
    /// Share of a flow's mean by which its day swings, in [0, 1); 0 is the same at all hours.
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1))]
    pub daily: f64,
    /// Standard deviation of the logarithm of a flow in a bin, 0 to 3.
    #[schemars(range(min = 0.0, max = 3.0))]
    pub noise: f64,
    /// What a flooded bin has more in the flow, in means over all flows, at least 0.
    #[schemars(range(min = 0.0))]
    pub volume: f64,
    /// The flow that is flooded: from and to which of ATLA, CHIN, DNVR, HSTN, IPLS, KSCY, LOSA, NYCM, SNVA, STTL, WASH.
    pub flow: [String; 2],
    /// Which weights and which noise.
    pub traffic_seed: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            weeks: 1,
            daily: 0.5,
            noise: 0.2,
            volume: 8.0,
            flow: ["CHIN", "LOSA"].map(str::to_owned),
            traffic_seed: 0,
        }
    }
}

impl Kind for Traffic {}

/// Bins of five minutes in a day.
const DAY: usize = 288;
const WEEK: usize = 7 * DAY;

impl Traffic {
    fn check(&self) -> Result<usize> {
        let within = |key: &str, value: f64, low: f64, high: f64| match (low..=high).contains(&value) {
            true => Ok(()),
            false => Err(Error::at(key, format!("{value} is out of range: {low} to {high}"))),
        };
        within("weeks", f64::from(self.weeks), 1.0, 52.0)?;
        within("noise", self.noise, 0.0, 3.0)?;
        within("volume", self.volume, 0.0, 1e6)?;
        if !(0.0..1.0).contains(&self.daily) {
            return Err(Error::at("daily", format!("{} is out of range: from 0 to below 1", self.daily)));
        }
        let city = |name: &String| {
            CITIES.iter().position(|city| city == name).ok_or_else(|| {
                Error::at("flow", format!("{name:?} is none of the cities"))
                    .hint(format!("they are {}", CITIES.join(", ")))
            })
        };
        Ok(city(&self.flow[0])? * CITIES.len() + city(&self.flow[1])?)
    }

    /// Mean of each flow.
    fn means(&self) -> Vec<f64> {
        let mut rng = Seed(self.traffic_seed).derive("weights").rng();
        let mut weight = || {
            let z: f64 = StandardNormal.sample(&mut rng);
            (0.7 * z).exp()
        };
        let weights: Vec<f64> = CITIES.iter().map(|_| weight()).collect();
        let flows: Vec<f64> = weights.iter().flat_map(|s| weights.iter().map(move |t| s * t)).collect();
        let mean = flows.iter().sum::<f64>() / flows.len() as f64;
        flows.iter().map(|flow| flow / mean).collect()
    }

    /// A week of bins, each a number per link; `flooded` adds the volume to that flow.
    fn week(&self, network: &Network, means: &[f64], stream: &str, flooded: Option<usize>) -> Vec<f32> {
        let mut rng = Seed(self.traffic_seed).derive(stream).rng();
        let mut values = Vec::with_capacity(WEEK * network.links.len());
        for bin in 0..WEEK {
            let day = if bin / DAY >= 5 { 0.7 } else { 1.0 };
            let mut links = vec![0.0f64; network.links.len()];
            for (flow, route) in network.routes.iter().enumerate() {
                let zone = BEHIND[flow / CITIES.len()] / 24.0;
                let hour = (2.0 * std::f64::consts::PI * (bin as f64 / DAY as f64 - zone)).sin();
                let z: f64 = StandardNormal.sample(&mut rng);
                let noise = (self.noise * z - self.noise * self.noise / 2.0).exp();
                let mut traffic = means[flow] * day * (1.0 + self.daily * hour) * noise;
                if flooded == Some(flow) {
                    traffic += self.volume;
                }
                route.iter().for_each(|&link| links[link] += traffic);
            }
            values.extend(links.iter().map(|&v| v as f32));
        }
        values
    }

    fn set(&self, weeks: u32, part: &str, flow: usize) -> Result<Dataset> {
        let (network, means) = (Network::new(), self.means());
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for (label, flooded) in [(0, None), (1, Some(flow))] {
            for week in 0..weeks {
                let stream = format!("{part} {label} {week}");
                values.extend(self.week(&network, &means, &stream, flooded));
                labels.extend([label; WEEK]);
            }
        }
        let names = Arc::new(vec!["normal".to_owned(), "attack".to_owned()]);
        let origins = Origins::lines("bin", labels.len());
        Dataset::new(Table::new(Arc::new(network.links), values)?, labels, names)?.with_origins(origins)
    }
}

impl Source for Traffic {
    fn load(&self, _: &Places) -> Result<Split> {
        let flow = self.check()?;
        Ok(Split { train: self.set(self.weeks, "train", flow)?, test: self.set(1, "test", flow)? })
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        Ok("traffic 1".to_owned())
    }

    fn licence(&self) -> &'static str {
        "made up by this program"
    }

    fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_carry_the_flows_that_take_them() {
        // Without noise and swing all is known: a link carries the means of its flows, 0.7 of them on two days of seven.
        let still = Traffic { noise: 0.0, daily: 0.0, ..Traffic::default() };
        let split = still.load(&Places(vec![])).unwrap();
        assert_eq!((split.train.info().rows, split.test.info().rows), (vec![2016; 2], vec![2016; 2]));
        let (table, means) = (split.train.rows().table().unwrap(), still.means());
        let own = table.columns().iter().position(|c| c == "IPLS-IPLS").unwrap();
        let flow = 4 * 11 + 4;
        assert!((f64::from(table.row(0)[own]) - means[flow]).abs() < 1e-6);
        assert!((f64::from(table.row(2015)[own]) - 0.7 * means[flow]).abs() < 1e-6);
        assert!((means.iter().sum::<f64>() - 121.0).abs() < 1e-9);
        // A flooded bin has eight more on each of the flow's four links and nowhere else.
        let more: Vec<f32> = table.row(2016).iter().zip(table.row(0)).map(|(a, b)| a - b).collect();
        let flooded: Vec<&str> =
            (0..39).filter(|&l| more[l] != 0.0).map(|l| table.columns()[l].as_str()).collect();
        assert_eq!(flooded, ["ATLA-HSTN", "CHIN-IPLS", "HSTN-LOSA", "IPLS-ATLA"]);
        assert!(more.iter().all(|&m| m == 0.0 || (m - 8.0).abs() < 1e-4));
    }

    #[test]
    fn noise_keeps_the_means_and_seeds_differ() {
        let noisy = Traffic { daily: 0.0, ..Traffic::default() };
        let means = noisy.means();
        let split = noisy.load(&Places(vec![])).unwrap();
        let table = split.test.rows().table().unwrap();
        let own = table.columns().iter().position(|c| c == "WASH-WASH").unwrap();
        let weekdays = 5 * DAY;
        let mean = (0..weekdays).map(|row| f64::from(table.row(row)[own])).sum::<f64>() / weekdays as f64;
        // One flow of deviation 0.2 over 1,440 bins: five standard errors are 2.7 %.
        assert!((mean / means[120] - 1.0).abs() < 0.027, "{mean} {}", means[120]);
        assert_ne!(table.row(0), split.train.rows().table().unwrap().row(0));
        let other = Traffic { traffic_seed: 1, ..noisy }.load(&Places(vec![])).unwrap();
        assert_ne!(other.test.rows(), split.test.rows());
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let fails = |traffic: Traffic, key: &str| {
            let error = traffic.load(&Places(vec![])).unwrap_err();
            assert_eq!(error.setting.as_deref(), Some(key), "{error}");
        };
        fails(Traffic { weeks: 0, ..Traffic::default() }, "weeks");
        fails(Traffic { daily: 1.0, ..Traffic::default() }, "daily");
        fails(Traffic { noise: f64::NAN, ..Traffic::default() }, "noise");
        fails(Traffic { volume: -1.0, ..Traffic::default() }, "volume");
        fails(Traffic { flow: ["CHIN".into(), "Rome".into()], ..Traffic::default() }, "flow");
    }
}
