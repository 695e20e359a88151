//! Prices of what is not billed by the plain token: images, sounds, characters, searches, guardrails.

use domain::{
    Usd,
    media::{Guarded, Picture},
};

/// What one model asks for units. Absent: not stated, not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitRates {
    /// A search unit of a reranker; of a chat, a search of the web that the provider makes for it.
    pub search: Option<Usd>,
    /// An answer of a chat for which the web was searched, however often.
    pub grounded: Option<Usd>,
    /// A character spoken.
    pub character: Option<Usd>,
    /// A second of audio heard.
    pub second_in: Option<Usd>,
    /// A second of audio made.
    pub second_out: Option<Usd>,
    /// An image looked at.
    pub image_in: Option<Usd>,
    /// An image made, of any quality and size that `pictures` does not name.
    pub image: Option<Usd>,
    /// Images made, by quality and size.
    pub pictures: Vec<PicturePrice>,
    /// Prompt tokens that are images, where they are not priced as text.
    pub image_token_in: Option<Usd>,
    pub image_token_out: Option<Usd>,
    /// Prompt tokens that are audio, where they are not priced as text.
    pub audio_token_in: Option<Usd>,
    pub audio_token_out: Option<Usd>,
    /// What the provider's guardrails ask.
    pub guardrail: GuardrailRates,
}

/// What a guardrail asks for each text unit by policy, and for each image. Those of words and patterns cost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuardrailRates {
    pub topics: Option<Usd>,
    pub content: Option<Usd>,
    pub sensitive: Option<Usd>,
    pub grounding: Option<Usd>,
    pub reasoning: Option<Usd>,
    pub images: Option<Usd>,
}

impl GuardrailRates {
    /// What was checked costs so much.
    pub fn cost(&self, checked: &Guarded) -> Usd {
        let units = [
            (self.topics, checked.topics),
            (self.content, checked.content),
            (self.sensitive, checked.sensitive),
            (self.grounding, checked.grounding),
            (self.reasoning, checked.reasoning),
            (self.images, checked.images),
        ];
        units.into_iter().map(|(price, count)| price.unwrap_or(Usd::ZERO).saturating_times(count)).sum()
    }
}

/// An image of one quality and size. An empty word stands for every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PicturePrice {
    pub quality: String,
    pub size: String,
    pub price: Usd,
}

impl PicturePrice {
    /// Whether the request could be for this one: what it leaves open may be anything.
    fn may_be(&self, picture: &Picture) -> bool {
        let may =
            |mine: &str, asked: &Option<String>| mine.is_empty() || asked.as_deref().is_none_or(|word| word == mine);
        may(&self.quality, &picture.quality) && may(&self.size, &picture.size)
    }
}

impl UnitRates {
    /// Nothing but tokens is priced.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The dearest image that the request could be for; `None` if images are not priced by the piece.
    pub fn dearest_image(&self, picture: &Picture) -> Option<Usd> {
        let named = self.pictures.iter().filter(|one| one.may_be(picture)).map(|one| one.price).max();
        let any = self.pictures.iter().map(|one| one.price).max();
        named.or(self.image).or(any)
    }

    /// These prices at a regional endpoint.
    pub(super) fn raised(&mut self, raise: impl Fn(&mut Usd)) {
        let own = [
            &mut self.search,
            &mut self.grounded,
            &mut self.character,
            &mut self.second_in,
            &mut self.second_out,
            &mut self.image_in,
            &mut self.image,
            &mut self.image_token_in,
            &mut self.image_token_out,
            &mut self.audio_token_in,
            &mut self.audio_token_out,
        ];
        own.into_iter().flatten().chain(self.pictures.iter_mut().map(|one| &mut one.price)).for_each(raise);
    }

    /// The place of a price, by the letter that stands for it in the table.
    pub(super) fn place(&mut self, letter: &str) -> Option<&mut Option<Usd>> {
        Some(match letter {
            "y" => &mut self.search,
            "Y" => &mut self.grounded,
            "x" => &mut self.character,
            "d" => &mut self.second_in,
            "e" => &mut self.second_out,
            "v" => &mut self.image_in,
            "z" => &mut self.image,
            "g" => &mut self.image_token_in,
            "G" => &mut self.image_token_out,
            "a" => &mut self.audio_token_in,
            "A" => &mut self.audio_token_out,
            "T" => &mut self.guardrail.topics,
            "C" => &mut self.guardrail.content,
            "S" => &mut self.guardrail.sensitive,
            "R" => &mut self.guardrail.grounding,
            "U" => &mut self.guardrail.reasoning,
            "I" => &mut self.guardrail.images,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m3_what_a_request_leaves_open_is_bounded_by_the_dearest() {
        let picture = |quality: &str, size: &str, price| PicturePrice {
            quality: quality.into(),
            size: size.into(),
            price: Usd::from_pico(price),
        };
        let rates = UnitRates {
            image: Some(Usd::from_pico(5)),
            pictures: vec![
                picture("low", "1024x1024", 1),
                picture("high", "1024x1024", 7),
                picture("high", "1536x1024", 9),
            ],
            ..UnitRates::default()
        };
        let asked = |quality: Option<&str>, size: Option<&str>| {
            let picture = Picture { quality: quality.map(str::to_owned), size: size.map(str::to_owned) };
            rates.dearest_image(&picture).unwrap().pico()
        };
        assert_eq!(asked(None, None), 9);
        assert_eq!(asked(Some("high"), Some("1024x1024")), 7);
        assert_eq!(asked(None, Some("1024x1024")), 7);
        assert_eq!(asked(Some("medium"), None), 5);
    }
}
