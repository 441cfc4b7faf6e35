#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/durable_file.hpp"

namespace fs = std::filesystem;
using namespace keelson;

namespace {

struct Folder {
  fs::path path;
  Folder() {
    auto pattern = (fs::temp_directory_path() / "keelson-durable-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
};

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("all missing parts of a directory are made, and what is there keeps its mode") {
  const Folder folder;
  const auto deep = folder.path / "a" / "b" / "c";
  REQUIRE(base::make_durable_directory(deep.string() + "/", 0700).has_value());
  CHECK(fs::is_directory(deep));
  CHECK(mode_of(folder.path / "a") == 0700);
  REQUIRE(base::make_durable_directory(deep.string(), 0755).has_value());
  CHECK(mode_of(deep) == 0700);
}

TEST_CASE("a file in the way of a directory is an error that names it") {
  const Folder folder;
  std::ofstream(folder.path / "a") << "x";
  const auto made = base::make_durable_directory((folder.path / "a" / "b").string(), 0700);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().message.find((folder.path / "a").string()) != std::string::npos);
}

TEST_CASE("a file is replaced at once, with its mode, and nothing is left beside it") {
  const Folder folder;
  const auto file = folder.path / "key";
  REQUIRE(base::write_durable_file(file.string(), "old", 0644).has_value());
  REQUIRE(base::write_durable_file(file.string(), "new", 0600).has_value());
  CHECK(text_of(file) == "new");
  CHECK(mode_of(file) == 0600);
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
}

TEST_CASE("a write that fails leaves the file as it was") {
  const Folder folder;
  const auto file = folder.path / "key";
  REQUIRE(base::write_durable_file(file.string(), "old", 0600).has_value());
  fs::create_directory(folder.path / "key.new");
  CHECK_FALSE(base::write_durable_file(file.string(), "new", 0600).has_value());
  CHECK(text_of(file) == "old");
}
