//! Colours as people see them: contrast, difference, and the common deficiencies of colour vision.

/// A colour in linear light, each part from 0 to 1, with sRGB's primaries.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Light {
    pub(super) red: f32,
    pub(super) green: f32,
    pub(super) blue: f32,
}

impl Light {
    /// The light of an sRGB colour (IEC 61966-2-1).
    pub(super) fn of_srgb(r: u8, g: u8, b: u8) -> Self {
        let linear = |part: u8| {
            let part = f32::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        Self { red: linear(r), green: linear(g), blue: linear(b) }
    }

    /// WCAG's relative luminance, from 0 to 1.
    fn luminance(self) -> f32 {
        0.2126 * self.red + 0.7152 * self.green + 0.0722 * self.blue
    }

    /// CIELAB under D65.
    fn lab(self) -> Lab {
        let Self { red, green, blue } = self;
        let x = (0.412_456_4 * red + 0.357_576_1 * green + 0.180_437_5 * blue) / 0.950_47;
        let y = 0.212_672_9 * red + 0.715_152_2 * green + 0.072_175 * blue;
        let z = (0.019_333_9 * red + 0.119_192 * green + 0.950_304_1 * blue) / 1.088_83;
        let f = |t: f32| {
            if t > 216.0 / 24_389.0 { t.cbrt() } else { (24_389.0 / 27.0 * t + 16.0) / 116.0 }
        };
        Lab { l: 116.0 * f(y) - 16.0, a: 500.0 * (f(x) - f(y)), b: 200.0 * (f(y) - f(z)) }
    }
}

/// A colour in CIELAB.
#[derive(Debug, Clone, Copy)]
struct Lab {
    l: f32,
    a: f32,
    b: f32,
}

/// WCAG 2.1's contrast ratio, 1 to 21.
pub(super) fn contrast(a: Light, b: Light) -> f32 {
    let (a, b) = (a.luminance() + 0.05, b.luminance() + 0.05);
    a.max(b) / a.min(b)
}

/// The CIEDE2000 difference. From 20 on, two colours are clearly distinct.
pub(super) fn difference(a: Light, b: Light) -> f32 {
    ciede2000(a.lab(), b.lab())
}

/// Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula" (2005), with all weights 1. The names are theirs.
#[expect(clippy::many_single_char_names, reason = "the names of the formula")]
fn ciede2000(one: Lab, two: Lab) -> f32 {
    let chroma = |lab: Lab| lab.a.hypot(lab.b);
    let seventh = |c: f32| (c.powi(7) / (c.powi(7) + 25.0_f32.powi(7))).sqrt();
    let g = 0.5 * (1.0 - seventh(f32::midpoint(chroma(one), chroma(two))));
    let (a1, a2) = ((1.0 + g) * one.a, (1.0 + g) * two.a);
    let (c1, c2) = (a1.hypot(one.b), a2.hypot(two.b));
    let hue = |a: f32, b: f32| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, one.b), hue(a2, two.b));
    let grey = c1 * c2 == 0.0;
    let apart = if grey { 0.0 } else { (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0 };
    let (dl, dc) = (two.l - one.l, c2 - c1);
    let dh = 2.0 * (c1 * c2).sqrt() * (apart / 2.0).to_radians().sin();
    let h = match (h1 - h2).abs() {
        _ if grey => h1 + h2,
        far if far > 180.0 && h1 + h2 < 360.0 => (h1 + h2 + 360.0) / 2.0,
        far if far > 180.0 => (h1 + h2 - 360.0) / 2.0,
        _ => f32::midpoint(h1, h2),
    };
    let (l, c) = (f32::midpoint(one.l, two.l), f32::midpoint(c1, c2));
    let cos = |degrees: f32| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.20 * cos(4.0 * h - 63.0);
    let from_50 = (l - 50.0).powi(2);
    let sl = 1.0 + 0.015 * from_50 / (20.0 + from_50).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let turn = 60.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
    let rt = -2.0 * seventh(c) * turn.to_radians().sin();
    let (l, c, h) = (dl / sl, dc / sc, dh / sh);
    (l * l + c * c + h * h + rt * c * h).sqrt()
}

/// The common colour vision deficiencies at full severity: Machado, Oliveira, Fernandes (2009), table 1, severity 1.0.
pub(super) const DEFICIENCIES: [(&str, [[f32; 3]; 3]); 3] = [
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

/// A colour as a person with a deficiency sees it.
pub(super) fn with_deficiency(colour: Light, matrix: &[[f32; 3]; 3]) -> Light {
    let part = |row: &[f32; 3]| {
        (row[0] * colour.red + row[1] * colour.green + row[2] * colour.blue).clamp(0.0, 1.0)
    };
    Light { red: part(&matrix[0]), green: part(&matrix[1]), blue: part(&matrix[2]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciede2000_matches_published_test_data() {
        // Sharma's table 1: L, a, b of both colours, and their difference.
        let cases = [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 3.1571, -77.2803], [50.0, 0.0, -82.7485], 2.8615),
            ([50.0, -1.3802, -84.2814], [50.0, 0.0, -82.7485], 1.0),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
            ([50.0, 2.5, 0.0], [50.0, 0.0, -2.5], 4.3065),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
            ([90.8027, -2.0831, 1.441], [91.1528, -1.6435, 0.0447], 1.4441),
            ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
        ];
        for (one, two, wanted) in cases {
            let lab = |[l, a, b]: [f32; 3]| Lab { l, a, b };
            let found = ciede2000(lab(one), lab(two));
            assert!((found - wanted).abs() < 0.001, "{one:?} {two:?}: {found}, not {wanted}");
            assert!((ciede2000(lab(two), lab(one)) - wanted).abs() < 0.001, "the other way round");
        }
    }

    #[test]
    fn contrast_matches_wcag() {
        let (black, white) = (Light::of_srgb(0, 0, 0), Light::of_srgb(255, 255, 255));
        assert!((contrast(black, white) - 21.0).abs() < 0.01);
        assert!((contrast(Light::of_srgb(0x77, 0x77, 0x77), white) - 4.48).abs() < 0.01);
    }

    #[test]
    fn protanopia_merges_red_and_green_of_equal_lightness() {
        let (red, green) = (Light::of_srgb(0xc0, 0x50, 0x50), Light::of_srgb(0x6b, 0x7a, 0x3a));
        let (_, protanopia) = &DEFICIENCIES[0];
        let without =
            difference(with_deficiency(red, protanopia), with_deficiency(green, protanopia));
        assert!(difference(red, red) < 0.01);
        assert!(without < difference(red, green) / 2.0, "{without}");
    }
}
