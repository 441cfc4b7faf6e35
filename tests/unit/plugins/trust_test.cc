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
    const auto refused = plugins::inspect_library(of.empty() ? file : of, {root, true, {}}).refusal;
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
