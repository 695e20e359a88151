//! One line of the table.

use domain::Usd;

use super::{
    rates::{Capabilities, LongContext, Rates, ServiceTier, Tier},
    units::PicturePrice,
};

/// Reads the facts of a line; `None` if they are not in the table's format.
pub fn read(facts: &str) -> Option<Rates> {
    let mut rates = Rates::default();
    facts.split(' ').try_for_each(|fact| put(&mut rates, fact))?;
    Some(rates)
}

fn put(rates: &mut Rates, fact: &str) -> Option<()> {
    if fact == "free" {
        rates.free = true;
        return Some(());
    }
    let (name, value) = fact.split_at_checked(1)?;
    match name {
        "i" => rates.input = pico(value)?,
        "o" => rates.output = pico(value)?,
        "r" => rates.cache_read = Some(pico(value)?),
        "w" => rates.cache_write = Some(pico(value)?),
        "h" => rates.cache_write_1h = Some(pico(value)?),
        "t" => rates.reasoning_output = Some(pico(value)?),
        "q" => rates.per_request = Some(pico(value)?),
        "c" => rates.context_window = Some(value.parse().ok()?),
        "m" => rates.max_output = Some(value.parse().ok()?),
        "p" => rates.prompt_cache_min_tokens = Some(value.parse().ok()?),
        "u" => rates.regional_uplift_percent = value.parse().ok()?,
        "s" => rates.supports = capabilities(value)?,
        "@" => put_tier(rates, value)?,
        "#" => rates.units.pictures.push(picture(value)?),
        letter => *rates.units.place(letter)? = Some(pico(value)?),
    }
    Some(())
}

/// `high:1024x1024,7`
fn picture(text: &str) -> Option<PicturePrice> {
    let (name, price) = text.split_once(',')?;
    let (quality, size) = name.split_once(':')?;
    Some(PicturePrice { quality: quality.to_owned(), size: size.to_owned(), price: pico(price)? })
}

/// `200000,i6`, `priority,i6` or `priority:200000,i6`.
fn put_tier(rates: &mut Rates, text: &str) -> Option<()> {
    let (name, prices) = text.split_once(',')?;
    let (service, above) = match name.split_once(':') {
        Some((service, above)) => (Some(service), above.parse().ok()?),
        None => name.parse().map_or((Some(name), 0), |above| (None, above)),
    };
    let tier = LongContext { above_tokens: above, ..tier_prices(prices)? };
    match service {
        None => rates.long_context.push(tier),
        Some("batch") => rates.service_tiers.push(ServiceTier { tier: Tier::Batch, prices: tier }),
        Some("flex") => rates.service_tiers.push(ServiceTier { tier: Tier::Flex, prices: tier }),
        Some("priority") => rates.service_tiers.push(ServiceTier { tier: Tier::Priority, prices: tier }),
        Some(_) => return None,
    }
    rates.long_context.sort_by_key(|tier| tier.above_tokens);
    rates.service_tiers.sort_by_key(|tier| tier.prices.above_tokens);
    Some(())
}

fn tier_prices(text: &str) -> Option<LongContext> {
    let mut prices = LongContext::default();
    for price in text.split(',') {
        let (name, value) = price.split_at_checked(1)?;
        let place = match name {
            "i" => &mut prices.input,
            "o" => &mut prices.output,
            "r" => &mut prices.cache_read,
            "w" => &mut prices.cache_write,
            "h" => &mut prices.cache_write_1h,
            "t" => &mut prices.reasoning_output,
            _ => return None,
        };
        *place = Some(pico(value)?);
    }
    Some(prices)
}

fn pico(text: &str) -> Option<Usd> {
    text.parse::<u64>().ok().map(|pico| Usd::from_pico(pico.into()))
}

fn capabilities(letters: &str) -> Option<Capabilities> {
    let mut can = Capabilities::default();
    for letter in letters.chars() {
        match letter {
            'd' => can.pdf_input = true,
            'f' => can.function_calling = true,
            'j' => can.response_schema = true,
            'k' => can.prompt_caching = true,
            't' => can.reasoning = true,
            'v' => can.vision = true,
            _ => return None,
        }
    }
    Some(can)
}
