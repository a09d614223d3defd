//! `share`: attack success and clean accuracy against the share of malicious clients.

use super::course::{by_share, rules};
use super::{Album, RULES, Subject, pages};
use crate::Error;
use crate::study::Study;
use crate::summary::Point;

const READING: &str = "One curve a rule of the server, each panel an attack. How many malicious clients does the attack \
                       need, and where does a rule that holds against few give in?";

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let federated = || study.points.iter().filter(|p| p.federated() && !p.done.is_empty());
    let varies = |point: &Point| {
        federated()
            .any(|p| p.context_without_share == point.context_without_share && p.malicious != point.malicious)
    };
    let facets = study.facets_by(&mut album.skipped, "share", |point| {
        (point.federated() && varies(point)).then_some(&point.context_without_share)
    });
    for facet in &facets {
        let name = format!("share{}", facet.suffix);
        let mut rules = rules(study, &facet.points);
        if rules.len() > RULES {
            album.skip(&name, format!("{} more rules are only in the table", rules.len() - RULES));
            rules.truncate(RULES);
        }
        let attacks = by_share(study, &facet.points, &rules);
        let (over, label) = ("against the share of malicious clients", "malicious clients (%)");
        pages(study, facet, Subject { name, over, label, reading: READING }, &attacks, &rules, album)?;
    }
    Ok(())
}
