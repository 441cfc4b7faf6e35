#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "core/plugins/directories.hpp"

using namespace keelson;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kDeadline_ms = 20'000;

struct Scratch {
  Scratch() {
    auto pattern = (fs::temp_directory_path() / "keelson-dirs-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
    fs::create_directories(path / "low");
    fs::create_directories(path / "high");
  }
  ~Scratch() { fs::remove_all(path); }
  std::vector<std::string> both() const { return {(path / "low").string(), (path / "high").string()}; }
  fs::path path;
};

}  // namespace

TEST_CASE("a later directory replaces an earlier one's file, and only .so files count") {
  const Scratch scratch;
  std::ofstream(scratch.path / "low" / "a.so") << "1";
  std::ofstream(scratch.path / "low" / "b.so.disabled") << "1";
  std::ofstream(scratch.path / "high" / "a.so") << "22";
  const auto files = plugins::scan_directories(scratch.both());
  REQUIRE(files.size() == 1);
  CHECK(files.at("a").path == (scratch.path / "high" / "a.so").string());
  CHECK(files.at("a").identity.size == 2);
  CHECK(plugins::scan_directories({"/nowhere"}).empty());
}

TEST_CASE("a link that is made and rights that change are noticed") {
  const Scratch scratch;
  std::ofstream(scratch.path / "x") << "1";
  std::ofstream(scratch.path / "high" / "c.so") << "1";
  const auto runtime = base::real_runtime();
  const std::shared_ptr<base::Waiter> changed = runtime->waiter();
  const plugins::DirectoryWatch watch(*runtime, scratch.both(), [changed] { changed->notify(); });
  fs::create_symlink(scratch.path / "x", scratch.path / "low" / "a.so");
  CHECK(changed->wait_until(runtime->in_ms(kDeadline_ms)));
  fs::create_hard_link(scratch.path / "x", scratch.path / "low" / "b.so");
  CHECK(changed->wait_until(runtime->in_ms(kDeadline_ms)));
  const auto before = plugins::scan_directories(scratch.both()).at("c");
  fs::permissions(scratch.path / "high" / "c.so", fs::perms::owner_read);
  CHECK(changed->wait_until(runtime->in_ms(kDeadline_ms)));
  const auto after = plugins::scan_directories(scratch.both()).at("c");
  CHECK(before.identity == after.identity);
  CHECK(before.trust != after.trust);
}

TEST_CASE("a file that is written, moved in or removed is noticed") {
  const Scratch scratch;
  const auto runtime = base::real_runtime();
  const std::shared_ptr<base::Waiter> changed = runtime->waiter();
  const plugins::DirectoryWatch watch(*runtime, scratch.both(), [changed] { changed->notify(); });
  std::ofstream(scratch.path / "low" / "a.so") << "1";
  CHECK(changed->wait_until(runtime->in_ms(kDeadline_ms)));
  std::ofstream(scratch.path / "x") << "1";
  fs::rename(scratch.path / "x", scratch.path / "high" / "b.so");
  CHECK(changed->wait_until(runtime->in_ms(kDeadline_ms)));
  fs::remove(scratch.path / "low" / "a.so");
  CHECK(changed->wait_until(runtime->in_ms(kDeadline_ms)));
}
