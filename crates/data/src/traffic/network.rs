//! A backbone of eleven cities: who is linked to whom, and which way traffic takes.

/// The cities, in the order of their codes.
pub(super) const CITIES: [&str; 11] =
    ["ATLA", "CHIN", "DNVR", "HSTN", "IPLS", "KSCY", "LOSA", "NYCM", "SNVA", "STTL", "WASH"];
/// Hours by which the day of each city is behind that of the east coast.
pub(super) const BEHIND: [f64; 11] = [0.0, 1.0, 2.0, 1.0, 0.0, 1.0, 3.0, 0.0, 3.0, 3.0, 0.0];
/// Pairs of linked cities.
const PAIRS: [(usize, usize); 14] = [
    (9, 8),
    (9, 2),
    (8, 6),
    (8, 2),
    (6, 3),
    (2, 5),
    (3, 5),
    (3, 0),
    (5, 4),
    (4, 1),
    (4, 0),
    (1, 7),
    (7, 10),
    (0, 10),
];

/// Directed links and the links that each flow takes.
pub(super) struct Network {
    /// Names of the links, `STTL-SNVA`, then those of each city's own traffic, `ATLA-ATLA`.
    pub(super) links: Vec<String>,
    /// Per flow, from city s to city t at s·11 + t, the places of its links.
    pub(super) routes: Vec<Vec<usize>>,
}

impl Network {
    /// Shortest ways by number of links; of several the one over the city that comes first in the alphabet.
    pub(super) fn new() -> Self {
        let n = CITIES.len();
        let linked = |a: usize, b: usize| PAIRS.contains(&(a, b)) || PAIRS.contains(&(b, a));
        let pairs =
            |own: bool| (0..n * n).map(move |at| (at / n, at % n)).filter(move |(a, b)| (a == b) == own);
        let ends: Vec<(usize, usize)> =
            pairs(false).filter(|&(a, b)| linked(a, b)).chain(pairs(true)).collect();
        // Links to go, from a to b.
        let mut far = vec![vec![n; n]; n];
        for (a, row) in far.iter_mut().enumerate() {
            row[a] = 0;
            for steps in 0..n {
                for b in 0..n {
                    if row[b] == steps {
                        (0..n).filter(|&c| linked(b, c)).for_each(|c| row[c] = row[c].min(steps + 1));
                    }
                }
            }
        }
        let place = |a, b| ends.iter().position(|end| *end == (a, b));
        let route = |(from, to): (usize, usize)| {
            if from == to {
                return place(from, to).into_iter().collect();
            }
            let (mut at, mut way) = (from, Vec::new());
            while let Some(next) = (0..n).find(|&c| linked(at, c) && far[c][to] + 1 == far[at][to]) {
                way.extend(place(at, next));
                at = next;
            }
            way
        };
        let routes = (0..n * n).map(|at| route((at / n, at % n))).collect();
        let links = ends.iter().map(|&(a, b)| format!("{}-{}", CITIES[a], CITIES[b])).collect();
        Self { links, routes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_shortest_and_whole() {
        let network = Network::new();
        assert_eq!((network.links.len(), network.routes.len()), (28 + 11, 121));
        let way = |from: usize, to: usize| -> Vec<&str> {
            network.routes[from * 11 + to].iter().map(|&link| network.links[link].as_str()).collect()
        };
        // By hand, on the map.
        assert_eq!(way(1, 6), ["CHIN-IPLS", "IPLS-ATLA", "ATLA-HSTN", "HSTN-LOSA"]);
        assert_eq!(way(9, 7), ["STTL-DNVR", "DNVR-KSCY", "KSCY-IPLS", "IPLS-CHIN", "CHIN-NYCM"]);
        assert_eq!(way(4, 4), ["IPLS-IPLS"]);
        for (from, start) in CITIES.iter().enumerate() {
            for (to, end) in CITIES.iter().enumerate().filter(|(to, _)| *to != from) {
                let way = way(from, to);
                assert!(way[0].starts_with(start) && way[way.len() - 1].ends_with(end));
                assert!(way.windows(2).all(|w| w[0][5..] == w[1][..4]), "{way:?}");
                assert_eq!(way.len(), network.routes[to * 11 + from].len(), "there and back are as far");
            }
        }
    }
}
