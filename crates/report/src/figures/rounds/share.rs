//! `share`: attack success and clean accuracy against the share of malicious clients.

use super::course::{by_share, rules};
use super::{Album, RULES, Subject, pages};
use crate::Error;
use crate::study::{Facet, Study};

const READING: &str = "One curve a rule of the server, each panel an attack. How many malicious clients does the attack \
                       need, and where does a rule that holds against few give in?";

pub(crate) fn draw(study: &Study, album: &mut Album) -> Result<(), Error> {
    let mut facets: Vec<Facet<'_>> = Vec::new();
    for point in study.points.iter().filter(|p| p.federated() && !p.done.is_empty()) {
        match facets.iter_mut().find(|f| f.context == point.context_without_share) {
            Some(facet) => facet.points.push(point),
            None => facets.push(Facet {
                context: point.context_without_share.clone(),
                suffix: format!("-{}", crate::label::slug(&point.context_without_share)),
                points: vec![point],
            }),
        }
    }
    if let [facet] = &mut facets[..] {
        facet.suffix = String::new();
    }
    for facet in facets.iter().filter(|f| varies(f)) {
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

fn varies(facet: &Facet<'_>) -> bool {
    facet.points.iter().any(|p| p.malicious != facet.points[0].malicious)
}
