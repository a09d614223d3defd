//! What is published where: the files of each data set that can be fetched.
//!
//! None of the addresses could be reached from where this table was written: they, and the hashes that others
//! recorded, were compared with what several public programs hold, and never with the files themselves.
//! [`Recipe::hashes`] says of each set whose word its hashes are. Sets that are part of the program are not here.

use crate::idx_set::Published;
use crate::{fashion_mnist, mnist};

/// How a data set is fetched.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The kind's name in `[dataset]`.
    pub kind: &'static str,
    /// The folder that the files lie in, where the kind looks first.
    pub folder: &'static str,
    /// The page that describes the set.
    pub page: &'static str,
    /// The published files; none if nobody may fetch them without a form.
    pub files: &'static [Remote],
    /// Whose word the hashes are.
    pub hashes: Hashes,
    /// What is to be done when the files are there, if anything is.
    pub then: Option<&'static str>,
}

/// Where the hashes of a set come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashes {
    /// Recorded for this program, from files that proved to be the set.
    Recorded,
    /// Recorded by others who fetched the files; the publisher gives none, or only an MD5.
    Others,
    /// Nobody gives one.
    None,
}

impl Hashes {
    /// For tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded here",
            Self::Others => "recorded by others",
            Self::None => "none",
        }
    }
}

/// A published file.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Its name, which ends each address.
    pub name: &'static str,
    /// Folders of the net that hold it, each with a slash at its end; the first that works serves.
    pub bases: &'static [&'static str],
    /// How many bytes it has.
    pub size: Size,
    /// What it must be.
    pub check: Check,
    /// What becomes of it.
    pub use_as: Use,
}

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// On record with the hash.
    Exactly(u64),
    /// For people; or exact only for one way of compressing what counts.
    About(u64),
}

/// What a file must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// SHA-256 of the file.
    Sha256(&'static str),
    /// MD5 of the file, where nobody gives more. It finds accidents, not attackers.
    Md5(&'static str),
    /// SHA-256 of what it holds when gunzipped, and its size: however it was compressed, the content counts.
    Gunzipped(&'static str, u64),
    /// Nothing is known; an archive must unpack and the set must load.
    Unknown,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It goes into the folder as it is.
    Keep,
    /// It is unpacked.
    Unpack(Archive),
}

/// An archive and what may be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archive {
    /// How it is packed.
    pub format: Format,
    /// The folder inside that becomes the set's folder (the rest is left out); empty for the whole archive.
    pub inside: &'static str,
    /// The most entries it may have.
    pub entries: u64,
    /// The most bytes it may unpack to.
    pub bytes: u64,
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.tar.gz`.
    TarGz,
    /// `.tar.bz2`.
    TarBz2,
    /// `.zip`.
    Zip,
}

impl Remote {
    /// About how many bytes it has.
    pub fn bytes(&self) -> u64 {
        match self.size {
            Size::Exactly(bytes) | Size::About(bytes) => bytes,
        }
    }

    /// The size if it is known exactly.
    pub fn exactly(&self) -> Option<u64> {
        match self.size {
            Size::Exactly(bytes) => Some(bytes),
            Size::About(_) => None,
        }
    }

    /// The most bytes that are taken from a server.
    pub fn most(&self) -> u64 {
        match self.size {
            Size::Exactly(bytes) => bytes,
            Size::About(bytes) => bytes + bytes / 2 + (1 << 20),
        }
    }
}

impl Recipe {
    /// About how many bytes are fetched.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(Remote::bytes).sum()
    }

    /// How to do without `fetch`, if the set is to lie in `place`.
    pub fn by_hand(&self, place: &str) -> String {
        let target = format!("{}/{}/", place.trim_end_matches('/'), self.folder);
        if self.files.is_empty() {
            return format!("by hand: get the files of {} and put them into {target}", self.page);
        }
        let address = |file: &Remote| format!("{}{}", file.bases.first().unwrap_or(&self.page), file.name);
        let kept: Vec<String> =
            self.files.iter().filter(|file| file.use_as == Use::Keep).map(address).collect();
        let mut steps = Vec::new();
        if !kept.is_empty() {
            steps.push(format!("put {} into {target}", kept.join(", ")));
        }
        for file in self.files {
            let Use::Unpack(archive) = file.use_as else { continue };
            steps.push(match archive.inside {
                "" => format!("unpack {} in {target}", address(file)),
                inside => {
                    format!("unpack {} and put what is in its {inside}/ into {target}", address(file))
                }
            });
        }
        format!("by hand: {}", steps.join("; "))
    }
}

/// The recipe of a kind.
pub fn recipe(kind: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.kind == kind)
}

/// A gzipped IDX file whose content is known.
const fn idx(name: &'static str, file: &Published, bases: &'static [&'static str], bytes: u64) -> Remote {
    let mut content = 4 + 4 * file.dims.len() as u64;
    let (mut values, mut i) = (1, 0);
    while i < file.dims.len() {
        values *= file.dims[i] as u64;
        i += 1;
    }
    content += values;
    let check = Check::Gunzipped(file.sha256, content);
    Remote { name, bases, size: Size::About(bytes), check, use_as: Use::Keep }
}

const fn tar_gz(inside: &'static str, entries: u64, bytes: u64) -> Use {
    Use::Unpack(Archive { format: Format::TarGz, inside, entries, bytes })
}

/// An archive of the corpus, whose one folder stays a folder.
const fn corpus(name: &'static str, bytes: u64, sha256: &'static str) -> Remote {
    let archive = Archive { format: Format::TarBz2, inside: "", entries: 5_000, bytes: 100 << 20 };
    let (size, check) = (Size::About(bytes), Check::Sha256(sha256));
    Remote { name, bases: SPAMASSASSIN, size, check, use_as: Use::Unpack(archive) }
}

const fn signs(name: &'static str, bytes: u64, md5: &'static str, inside: &'static str) -> Remote {
    let archive = Archive { format: Format::Zip, inside, entries: 60_000, bytes: 1 << 30 };
    let (size, check) = (Size::About(bytes), Check::Md5(md5));
    Remote { name, bases: GTSRB, size, check, use_as: Use::Unpack(archive) }
}

const FASHION: &[&str] = &["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"];
/// The original server asks for a password since 2021 or so; these two mirrors are what others fetch from.
const MNIST: &[&str] = &[
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
];
const CIFAR: &[&str] = &["https://www.cs.toronto.edu/~kriz/"];
const SVHN: &[&str] = &["http://ufldl.stanford.edu/housenumbers/"];
const GTSRB: &[&str] = &["https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"];
const SPAMASSASSIN: &[&str] = &["https://spamassassin.apache.org/old/publiccorpus/"];
const POLARITY: &[&str] = &["https://www.cs.cornell.edu/people/pabo/movie-review-data/"];

/// Every data set that has files somewhere.
pub const RECIPES: &[Recipe] = &[
    Recipe {
        kind: "fashion_mnist",
        folder: "fashion_mnist",
        page: "https://github.com/zalandoresearch/fashion-mnist",
        files: &[
            idx("train-images-idx3-ubyte.gz", &fashion_mnist::SET.files[0], FASHION, 26_421_880),
            idx("train-labels-idx1-ubyte.gz", &fashion_mnist::SET.files[1], FASHION, 29_515),
            idx("t10k-images-idx3-ubyte.gz", &fashion_mnist::SET.files[2], FASHION, 4_422_102),
            idx("t10k-labels-idx1-ubyte.gz", &fashion_mnist::SET.files[3], FASHION, 5_148),
        ],
        hashes: Hashes::Recorded,
        then: None,
    },
    Recipe {
        kind: "mnist",
        folder: "mnist",
        page: "http://yann.lecun.com/exdb/mnist/",
        files: &[
            idx("train-images-idx3-ubyte.gz", &mnist::SET.files[0], MNIST, 9_912_422),
            idx("train-labels-idx1-ubyte.gz", &mnist::SET.files[1], MNIST, 28_881),
            idx("t10k-images-idx3-ubyte.gz", &mnist::SET.files[2], MNIST, 1_648_877),
            idx("t10k-labels-idx1-ubyte.gz", &mnist::SET.files[3], MNIST, 4_542),
        ],
        hashes: Hashes::Recorded,
        then: None,
    },
    // The page gives MD5s; the SHA-256s and sizes are those of TensorFlow Datasets.
    Recipe {
        kind: "cifar10",
        folder: "cifar-10-batches-bin",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        files: &[Remote {
            name: "cifar-10-binary.tar.gz",
            bases: CIFAR,
            size: Size::Exactly(170_052_171),
            check: Check::Sha256("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
            use_as: tar_gz("cifar-10-batches-bin", 100, 256 << 20),
        }],
        hashes: Hashes::Others,
        then: None,
    },
    Recipe {
        kind: "cifar100",
        folder: "cifar-100-binary",
        page: "https://www.cs.toronto.edu/~kriz/cifar.html",
        files: &[Remote {
            name: "cifar-100-binary.tar.gz",
            bases: CIFAR,
            size: Size::Exactly(168_513_733),
            check: Check::Sha256("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
            use_as: tar_gz("cifar-100-binary", 100, 256 << 20),
        }],
        hashes: Hashes::Others,
        then: None,
    },
    // As above.
    Recipe {
        kind: "svhn",
        folder: "svhn",
        page: "http://ufldl.stanford.edu/housenumbers/",
        files: &[
            Remote {
                name: "train_32x32.mat",
                bases: SVHN,
                size: Size::Exactly(182_040_794),
                check: Check::Sha256("435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
                use_as: Use::Keep,
            },
            Remote {
                name: "test_32x32.mat",
                bases: SVHN,
                size: Size::Exactly(64_275_384),
                check: Check::Sha256("cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
                use_as: Use::Keep,
            },
        ],
        hashes: Hashes::Others,
        then: Some("convert the two .mat files to .npz in the same folder, as `aconite show svhn` says"),
    },
    // The MD5s are those of torchvision and of other programs; nobody was found to give a SHA-256.
    Recipe {
        kind: "gtsrb",
        folder: "GTSRB",
        page: "https://benchmark.ini.rub.de/gtsrb_dataset.html",
        files: &[
            signs(
                "GTSRB_Final_Training_Images.zip",
                276_000_000,
                "f33fd80ac59bff73c82d25ab499e03a3",
                "GTSRB",
            ),
            signs("GTSRB_Final_Test_Images.zip", 89_000_000, "c7e4e6327067d32654124b0fe9e82185", "GTSRB"),
            signs("GTSRB_Final_Test_GT.zip", 100_000, "fe31e9c9270bbcd7b84b7f21a9d9d9e5", ""),
        ],
        hashes: Hashes::Others,
        then: None,
    },
    // The publisher gives no hashes; these are what several programs have recorded, all the same.
    Recipe {
        kind: "spamassassin",
        folder: "spamassassin",
        page: "https://spamassassin.apache.org/old/publiccorpus/",
        files: &[
            corpus(
                "20030228_easy_ham.tar.bz2",
                1_700_000,
                "2b7b65904bcfcc31d2b5f51946f2d261370b257402cbbd62930b46ab83367438",
            ),
            corpus(
                "20030228_easy_ham_2.tar.bz2",
                1_100_000,
                "b4bd3dc5ae5b40f38e99a0e41ad7d16b428b56e818e3a6ffa07330d62004dd38",
            ),
            corpus(
                "20030228_hard_ham.tar.bz2",
                1_100_000,
                "ce2ce67880643dbde65ea7f85bffbfe4417349c4bd80b6b0de56262ae6b0a9c9",
            ),
            corpus(
                "20030228_spam.tar.bz2",
                1_200_000,
                "c08debc32413804949a866be45ef78195cec2cbafd1da744ed76cdb860589743",
            ),
            corpus(
                "20050311_spam_2.tar.bz2",
                2_200_000,
                "44280a0e28bf7645b2279e8e42659271ad82c6f40bf8d364dbda7f1df344a765",
            ),
        ],
        hashes: Hashes::Others,
        then: None,
    },
    // A SHA-256 is on record for a copy of the archive on another server, not for this address.
    Recipe {
        kind: "rt_polarity",
        folder: "rt-polarity",
        page: "https://www.cs.cornell.edu/people/pabo/movie-review-data/",
        files: &[Remote {
            name: "rt-polaritydata.tar.gz",
            bases: POLARITY,
            size: Size::About(488_000),
            check: Check::Unknown,
            use_as: tar_gz("rt-polaritydata", 20, 8 << 20),
        }],
        hashes: Hashes::None,
        then: None,
    },
    // A form stands before the files.
    Recipe {
        kind: "nsl_kdd",
        folder: "nsl-kdd",
        page: "https://www.unb.ca/cic/datasets/nsl.html",
        files: &[],
        hashes: Hashes::None,
        then: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_of_a_kind_and_whole() {
        for recipe in RECIPES {
            assert!(crate::DATASETS.iter().any(|kind| kind.spec.kind == recipe.kind), "{}", recipe.kind);
            for file in recipe.files {
                let name = file.name;
                assert!(
                    !file.bases.is_empty() && file.bases.iter().all(|base| base.ends_with('/')),
                    "{name}"
                );
                assert!(file.bytes() > 0 && file.bytes() <= file.most(), "{name}");
                let hex = |hash: &str, length| {
                    hash.len() == length
                        && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                };
                assert!(
                    match file.check {
                        Check::Sha256(hash) | Check::Gunzipped(hash, _) => hex(hash, 64),
                        Check::Md5(hash) => hex(hash, 32),
                        Check::Unknown => recipe.hashes == Hashes::None,
                    },
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn the_folder_is_where_the_kind_looks_first() {
        let nowhere = crate::Places(vec!["/nowhere".into()]);
        for recipe in RECIPES {
            let entry = crate::DATASETS.iter().find(|kind| kind.spec.kind == recipe.kind).unwrap();
            let source = (entry.build)(&entry.spec.defaults()).unwrap();
            let message = source.found(&nowhere).unwrap_err().message;
            let first = message.split("looked in ").nth(1).unwrap().split(", ").next().unwrap();
            assert_eq!(first, format!("/nowhere/{}", recipe.folder), "{}", recipe.kind);
        }
    }

    #[test]
    fn the_way_by_hand_names_addresses_and_the_folder() {
        let hand = recipe("cifar10").unwrap().by_hand("/d/");
        assert_eq!(
            hand,
            "by hand: unpack https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz and put what is in its \
             cifar-10-batches-bin/ into /d/cifar-10-batches-bin/"
        );
        let hand = recipe("nsl_kdd").unwrap().by_hand("/d");
        assert!(hand.contains("https://www.unb.ca/") && hand.ends_with("/d/nsl-kdd/"), "{hand}");
        assert!(recipe("mnist").unwrap().by_hand("/d").matches("https://").count() == 4);
    }
}
