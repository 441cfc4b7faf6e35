#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "core/plugins/known_files.hpp"
#include "core/plugins/library.hpp"

using namespace keelson;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kSecond_ns = 1'000'000'000;

struct Scratch {
  Scratch() {
    auto pattern = (fs::temp_directory_path() / "keelson-test-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~Scratch() { fs::remove_all(directory); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(directory + "/" + name, std::ios::binary) << content;
    return directory + "/" + name;
  }
  std::string list() const { return directory + "/known"; }
  std::string directory;
};

struct stat status(const std::string& file) {
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  return info;
}

/// A moment long after the file was written.
std::int64_t later(const struct stat& file) { return (file.st_ctim.tv_sec + 60) * kSecond_ns; }

}  // namespace

TEST_CASE("a file that did not change is known again after a restart") {
  const Scratch scratch;
  const auto file = status(scratch.write("a.so", "code")), copy = status(scratch.write("copy.so", "code"));
  {
    plugins::KnownFiles known(scratch.list());
    CHECK_FALSE(known.sha256_of(file));
    known.remember(file, copy, "abc", later(file));
    known.save();
  }
  const plugins::KnownFiles known(scratch.list());
  CHECK(known.sha256_of(file) == "abc");
  CHECK(known.is_copy(copy, "abc"));
  CHECK_FALSE(known.is_copy(copy, "abd"));
  CHECK_FALSE(known.is_copy(file, "abc"));
}

TEST_CASE("a file that changed is not known, nor one that was read right after a change") {
  const Scratch scratch;
  plugins::KnownFiles known(scratch.list());
  const auto path = scratch.write("a.so", "code");
  const auto file = status(path), copy = status(scratch.write("copy.so", "code"));
  known.remember(file, copy, "abc", file.st_ctim.tv_sec * kSecond_ns + file.st_ctim.tv_nsec + 1);
  CHECK_FALSE(known.sha256_of(file));
  known.remember(file, copy, "abc", later(file));
  CHECK(known.sha256_of(file) == "abc");
  scratch.write("a.so", "other code");
  CHECK_FALSE(known.sha256_of(status(path)));
  ::chmod(path.c_str(), 0600);   // its content could have changed and its times been set back
  CHECK_FALSE(known.sha256_of(status(path)));
}

TEST_CASE("what was known before the machine started again is read again") {
  const Scratch scratch;
  const auto file = status(scratch.write("a.so", "code")), copy = status(scratch.write("copy.so", "code"));
  plugins::KnownFiles before(scratch.list());
  before.remember(file, copy, "abc", later(file));
  before.save();
  std::ifstream in(scratch.list());
  std::string text((std::istreambuf_iterator<char>(in)), {});
  text.replace(0, 4, text.compare(0, 4, "0000") == 0 ? "1111" : "0000");
  scratch.write("known", text);
  CHECK_FALSE(plugins::KnownFiles(scratch.list()).sha256_of(file));
  scratch.write("known", "no list at all");
  CHECK_FALSE(plugins::KnownFiles(scratch.list()).sha256_of(file));
}

TEST_CASE("a known plugin is judged without being read, and read again when its copy is not the one it was") {
  const Scratch scratch;
  const auto file = scratch.directory + "/probe.so";
  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/probe1.so", file);
  fs::create_directory(scratch.directory + "/loaded");
  plugins::KnownFiles known(scratch.list());
  plugins::LoadOptions options{scratch.directory + "/loaded", false, {}, {}, &known, later(status(file))};
  const auto first = plugins::check_file(file, options);
  REQUIRE(std::holds_alternative<plugins::CheckedFile>(first));
  const auto& seen = std::get<plugins::CheckedFile>(first);
  CHECK(known.sha256_of(status(file)) == seen.sha256);

  const auto again = plugins::check_file(file, options);
  REQUIRE(std::holds_alternative<plugins::CheckedFile>(again));
  CHECK(std::get<plugins::CheckedFile>(again).sha256 == seen.sha256);
  CHECK(std::get<plugins::CheckedFile>(again).note->text("name") == seen.note->text("name"));

  fs::resize_file(seen.copy, 100);
  const auto repaired = plugins::check_file(file, options);
  REQUIRE(std::holds_alternative<plugins::CheckedFile>(repaired));
  CHECK(fs::file_size(seen.copy) == fs::file_size(file));

  fs::copy_file(std::string(KEELSON_TEST_PLUGINS) + "/no_entry.so", file, fs::copy_options::overwrite_existing);
  CHECK(std::holds_alternative<plugins::Refusal>(plugins::check_file(file, options)));
}
