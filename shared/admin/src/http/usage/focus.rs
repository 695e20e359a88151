//! The FinOps Open Cost and Usage Specification, FOCUS 1.2: one row per day and cell, with its columns by their names.
//!
//! What is charged are tokens; who pays is the organization (billing account) and the team (sub account); the resource
//! is the virtual key. Columns of our own begin with `x_`, as the specification wants it.

use super::{csv, days_after};
use domain::Timestamp;
use serde_json::json;
use std::borrow::Cow;
use stores::rollups::{Cell, Row, Subject, Total};

const COLUMNS: [&str; 44] = [
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingCategory",
    "PricingCurrency",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "SubAccountType",
    "Tags",
    "x_Requests",
    "x_InputTokens",
    "x_OutputTokens",
    "x_EstimatedRequests",
    "x_UnpricedRequests",
];

/// The table of all days.
pub fn table(days: &[(Timestamp, Vec<Row>)]) -> String {
    let head = csv::line(COLUMNS.into_iter().map(Cow::Borrowed));
    let rows = days.iter().flat_map(|(day, rows)| rows.iter().filter_map(|row| line(*day, row)));
    std::iter::once(head).chain(rows).collect()
}

fn line(day: Timestamp, row: &Row) -> Option<String> {
    let Subject::Cell(cell) = &row.subject else { return None };
    let cells = COLUMNS.into_iter().map(|column| Cow::Owned(value(column, day, cell, &row.total)));
    Some(csv::line(cells))
}

fn value(column: &str, day: Timestamp, cell: &Cell, total: &Total) -> String {
    let input = total.input + total.cache_read + total.cache_write;
    let text = match column {
        "BilledCost" | "ContractedCost" | "EffectiveCost" | "ListCost" => return csv::cost(total),
        "BillingAccountId" | "BillingAccountName" => or(&cell.organization, "default"),
        "BillingAccountType" => "Organization",
        "BillingCurrency" | "PricingCurrency" => "USD",
        "BillingPeriodStart" => return month(day, 0),
        "BillingPeriodEnd" => return month(day, 1),
        "ChargeCategory" => "Usage",
        "ChargeDescription" => return format!("{} calls of {}", total.calls, or(&cell.model, "no model")),
        "ChargeFrequency" => "Usage-Based",
        "ChargePeriodStart" => return date(day),
        "ChargePeriodEnd" => return date(days_after(day, 1)),
        "ConsumedQuantity" | "PricingQuantity" => return (input + total.output).to_string(),
        "ConsumedUnit" | "PricingUnit" => "Tokens",
        "InvoiceIssuerName" | "ProviderName" | "PublisherName" => or(&cell.provider, "none"),
        "PricingCategory" => "Standard",
        "ResourceId" | "ResourceName" => &cell.key,
        "ResourceType" => "Virtual Key",
        "ServiceCategory" => "AI and Machine Learning",
        "ServiceName" => or(&cell.model, "none"),
        "ServiceSubcategory" => "Generative AI",
        "SkuId" | "SkuPriceId" => return format!("{}/{}", cell.provider, cell.model),
        "SubAccountId" | "SubAccountName" => &cell.team,
        "SubAccountType" if cell.team.is_empty() => "",
        "SubAccountType" => "Team",
        "Tags" => return tags(cell),
        "x_Requests" => return total.calls.to_string(),
        "x_InputTokens" => return input.to_string(),
        "x_OutputTokens" => return total.output.to_string(),
        "x_EstimatedRequests" => return total.estimated.to_string(),
        "x_UnpricedRequests" => return total.unpriced.to_string(),
        // Null: the charge corrects nothing, and regions are not counted.
        _ => "",
    };
    text.to_owned()
}

/// What else the calls were known by.
fn tags(cell: &Cell) -> String {
    let known = [("project", &cell.project), ("user", &cell.user)];
    let tags = known.into_iter().filter(|(_, value)| !value.is_empty());
    json!(tags.collect::<std::collections::BTreeMap<_, _>>()).to_string()
}

fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}

/// The first moment of a month, so many after the one that `day` lies in.
fn month(day: Timestamp, later: u32) -> String {
    let (year, month, _) = day.utc_date();
    let (year, month) = if month + later > 12 { (year + 1, month + later - 12) } else { (year, month + later) };
    Timestamp::from_utc_date(year, month, 1).map(date).unwrap_or_default()
}

/// `2026-11-21T00:00:00Z`
fn date(at: Timestamp) -> String {
    at.rfc3339().replace(".000Z", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_billing_period_ends_where_the_next_month_begins() {
        let december = Timestamp::parse_rfc3339("2026-12-31T00:00:00Z").unwrap();
        assert_eq!(
            (month(december, 0), month(december, 1)),
            ("2026-12-01T00:00:00Z".into(), "2027-01-01T00:00:00Z".into())
        );
    }

    #[test]
    fn every_column_but_those_without_a_value_is_filled() {
        let cell =
            Cell { key: "key_a".into(), team: "t".into(), provider: "p".into(), model: "m".into(), ..Cell::default() };
        let empty: Vec<_> = COLUMNS
            .into_iter()
            .filter(|column| value(column, Timestamp::default(), &cell, &Total::default()).is_empty())
            .collect();
        assert_eq!(empty, ["ChargeClass", "RegionId", "RegionName"]);
    }
}
