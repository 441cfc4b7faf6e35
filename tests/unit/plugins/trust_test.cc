#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/plugins/library.hpp"

using namespace keelson;
namespace fs = std::filesystem;

namespace {

constexpr ::uid_t kSomebody = 54321;

/// Nothing in it is a plugin: what is refused for its place never gets that far.
struct Place {
  Place() {
    auto pattern = (fs::temp_directory_path() / "keelson-trust-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    fs::create_directories(root + "/upper/lower");
    file = root + "/upper/lower/hello.so";
    std::ofstream(file) << "hello";
    ::chmod(file.c_str(), 0644);
    for (const auto* directory : {"/upper", "/upper/lower"}) ::chmod((root + directory).c_str(), 0755);
  }
  ~Place() { fs::remove_all(root); }
  std::string refusal(const std::string& of = "") const {
    const auto refused = plugins::inspect_library(of.empty() ? file : of, {root, true, {}, {}}).refusal;
    REQUIRE(refused);
    return refused->reason + ": " + refused->message;
  }
  std::string root, file;
};

const std::string kHarmless = "NotALibrary: hello.so: it is no ELF file";

}  // namespace

TEST_CASE("a file that others may write is refused") {
  const Place place;
  CHECK(place.refusal() == kHarmless);
  ::chmod(place.file.c_str(), 0646);
  CHECK(place.refusal() == "BadPermissions: " + place.file + " is writable by others");
}

TEST_CASE("a file below a directory that others may write is refused, however far up") {
  const Place place;
  ::chmod((place.root + "/upper").c_str(), 0777);
  CHECK(place.refusal() == "BadPermissions: " + place.root + "/upper is writable by others");
  ::chmod((place.root + "/upper").c_str(), 01777);   // only the owner of an entry can rename it
  CHECK(place.refusal() == kHarmless);
}

TEST_CASE("a link is judged by where it leads and where it lies") {
  const Place place;
  fs::create_directories(place.root + "/open");
  fs::create_symlink(place.file, place.root + "/open/link.so");
  ::chmod((place.root + "/open").c_str(), 0777);
  CHECK(place.refusal(place.root + "/open/link.so") == "BadPermissions: " + place.root + "/open is writable by others");
  ::chmod((place.root + "/open").c_str(), 0755);
  ::chmod((place.root + "/upper/lower").c_str(), 0777);
  CHECK(place.refusal(place.root + "/open/link.so") == "BadPermissions: " + place.root + "/upper/lower is writable by others");
}

TEST_CASE("a file or directory of another user or writable by a foreign group is refused") {
  if (::geteuid() != 0) {
    WARN("only root can give files away");
    return;
  }
  const Place place;
  REQUIRE(::chown(place.file.c_str(), kSomebody, 0) == 0);
  CHECK(place.refusal() == "BadPermissions: " + place.file + " belongs to user 54321, neither root nor the server's user");
  REQUIRE(::chown(place.file.c_str(), 0, kSomebody) == 0);
  ::chmod(place.file.c_str(), 0664);
  CHECK(place.refusal() == "BadPermissions: " + place.file + " is writable by group 54321");
  REQUIRE(::chown(place.file.c_str(), 0, 0) == 0);
  const auto upper = place.root + "/upper";
  REQUIRE(::chown(upper.c_str(), kSomebody, 0) == 0);
  ::chmod(upper.c_str(), 01755);
  CHECK(place.refusal() == "BadPermissions: " + upper + " belongs to user 54321, neither root nor the server's user");
}

TEST_CASE("what is no plain file is refused without being waited for") {
  const Place place;
  const auto pipe = place.root + "/pipe.so";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(place.refusal(pipe) == "NotALibrary: pipe.so: it cannot be read or is too large");
}

// Made with minisign 0.11 over the five bytes "hello".
const std::string kKey = "untrusted comment: minisign public key EB044CFF8F03D5E5\nRWTl1QOP/0wE62ZF/gUQO4RZadCBbc9OIWLpfGHB4aoZ6wmNSPuDM8wB\n";
const std::string kPrehashed =
    "untrusted comment: signature from minisign secret key\n"
    "RUTl1QOP/0wE6zPbmLzIY+d+/Li3ITejpRgBBAzOUWNw4EOBodBDC6/0LcC3ERfy5OJWxbYfuFAffltoEGMbCt7i/gHfk3NuswA=\n"
    "trusted comment: file:hello\n"
    "mYMbQ5CAIYUvzO0PfEM/YgRrS+ozuMy/3pUIkwTnXOmMpz8qhUm+HnNoTwNcDqnNkvTld3mx9xKoec3OIn2SBw==\n";
const std::string kLegacy =
    "untrusted comment: signature from minisign secret key\n"
    "RWTl1QOP/0wE66yWMBp4s3j38btOd68LClj8sfXfKk+4NzFdbKGoM7GGA9/hgkkeLr9BD54bq82kva8WT7rAlXBX9vaOSFNt5wA=\n"
    "trusted comment: old style\n"
    "YO4lJOlMo6mLM0+J+NO1lQ9S6VuiN6e2xxMwnJMUTV5DeXpg6wQl3Rd8Bz/J7oRWt2jHRZxqTAJw6ywiqxjiCQ==\n";

TEST_CASE("signatures of both forms that minisign makes are believed, and only over what was signed") {
  const auto key = plugins::parse_trusted_key(kKey);
  REQUIRE(key);
  CHECK_FALSE(plugins::bad_signature("hello.so", "hello", kPrehashed, {*key}));
  CHECK_FALSE(plugins::bad_signature("hello.so", "hello", kLegacy, {*key}));
  for (const auto& signature : {kPrehashed, kLegacy}) {
    const auto refused = plugins::bad_signature("hello.so", "hellp", signature, {*key});
    REQUIRE(refused);
    CHECK(refused->reason == "BadSignature");
    CHECK(refused->message == "hello.so: its content is not what key EB044CFF8F03D5E5 signed");
  }
}

TEST_CASE("a signature that is missing, foreign, cut off or has another comment is refused with the reason") {
  const auto key = plugins::parse_trusted_key("RWTl1QOP/0wE62ZF/gUQO4RZadCBbc9OIWLpfGHB4aoZ6wmNSPuDM8wB");
  REQUIRE(key);
  auto other = *key;
  other.id[0] = static_cast<char>(~other.id[0]);
  const auto why = [&](const std::optional<std::string>& signature, const plugins::TrustedKey& trusted) { return plugins::bad_signature("hello.so", "hello", signature, {trusted})->message; };
  CHECK(why(std::nullopt, *key) == "hello.so: it is not signed: there is no hello.so.minisig");
  CHECK(why(kPrehashed, other) == "hello.so: it is signed with key EB044CFF8F03D5E5, which is not trusted here");
  auto changed = kPrehashed;
  changed.replace(changed.find("file:hello"), 10, "file:other");
  CHECK(why(changed, *key) == "hello.so: its signature's comment was changed");
  for (std::size_t length = 0; length < kPrehashed.size() - 20; length += 7) CHECK(why(kPrehashed.substr(0, length), *key) == "hello.so: hello.so.minisig is no signature as minisign makes them");
  CHECK_FALSE(plugins::parse_trusted_key("untrusted comment: nothing else"));
  CHECK_FALSE(plugins::parse_trusted_key("RWTl1QOP"));
}

TEST_CASE("with keys a file needs a signature beside it, unless it is one of ours") {
  const Place place;
  plugins::LoadOptions options{place.root, true, {*plugins::parse_trusted_key(kKey)}, {}};
  const auto reason = [&] { return plugins::inspect_library(place.file, options).refusal->reason; };
  CHECK(reason() == "BadSignature");
  std::ofstream(place.file + ".minisig") << kPrehashed;
  CHECK(reason() == "NotALibrary");   // believed, but still no plugin
  fs::remove(place.file + ".minisig");
  options.ours = {plugins::sha256_hex("hello")};
  CHECK(reason() == "NotALibrary");
}
