#include <filesystem>
#include <map>
#include <random>

#include "core/base/simulated_runtime.hpp"
#include "core/store/committer.hpp"
#include "tests/unit/store/faulty_fs.hpp"
#include "tests/unit/store/support.hpp"

using namespace keelson;
using namespace keelson::store;
using namespace keelson::store::testing;

namespace {

// What the disk would hold after a power cut now, opened as a store of its own.
std::unique_ptr<Opened> after_power_cut(Opened& on, FaultyDisk& disk, std::uint64_t seed) {
  auto rest = std::make_unique<Opened>("rocksdb");
  std::mt19937_64 random(seed);
  disk.fs->cut(on.directory, rest->directory, random, [] {});
  rest->open();
  return rest;
}

using Damage = std::function<void(const std::filesystem::path& directory)>;

// What is left by a power cut now, damaged, and opened: the store or why it was refused.
template <class Work>
void after_damage(Opened& on, FaultyDisk& disk, const Damage& damage, Work work) {
  Opened rest("rocksdb");
  std::mt19937_64 random(1);
  disk.fs->cut(on.directory, rest.directory, random, [] {});
  damage(rest.directory);
  work(open_rocksdb_store(rest.options, *rest.runtime, *rest.metrics, [](const Key&, std::string_view) -> base::Outcome<Columns> { return base::internal("columns are in the record"); }));
}

std::string refused_after(Opened& on, FaultyDisk& disk, const Damage& damage) {
  std::string why;
  after_damage(on, disk, damage, [&](const auto& opened) { why = opened ? "" : opened.error().message; });
  return why;
}

std::map<std::string, std::string> contents_of(const Store& store) {
  std::map<std::string, std::string> all;
  store.snapshot().scan(Atom("pods"), "", nullptr, [&](const ObjectRef& object) {
    all[object->key().name] = std::string(object->body());
    return true;
  });
  return all;
}

// Empty when refused.
std::map<std::string, std::string> contents_after(Opened& on, FaultyDisk& disk, const Damage& damage) {
  std::map<std::string, std::string> all;
  after_damage(on, disk, damage, [&](const auto& opened) {
    if (opened) all = contents_of(**opened);
  });
  return all;
}

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::filesystem::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

// The top bit of a byte of the first table.
std::string change_a_table(const std::filesystem::path& directory, std::size_t from_end) {
  std::vector<std::filesystem::path> tables;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".sst") tables.push_back(entry.path());
  const auto table = *std::min_element(tables.begin(), tables.end());
  auto bytes = read_all(table);
  bytes.at(bytes.size() - from_end) ^= static_cast<char>(0x80);
  write_all(table, bytes);
  return table.string();
}

// One byte of one file, by the seed; the larger the file the likelier.
std::string flip_a_byte(const std::filesystem::path& directory, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  const auto& file = files.at(random() % files.size());
  auto bytes = read_all(file);
  const auto at = random() % bytes.size();
  bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
  write_all(file, bytes);
  return file.filename().string() + " at " + std::to_string(at);
}

// Changes a byte where this text stands in a write-ahead log.
void spoil(const std::filesystem::path& directory, const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".log") continue;
    auto bytes = read_all(entry.path());
    const auto at = bytes.find(text);
    if (at == std::string::npos) continue;
    bytes[at] = '#';
    write_all(entry.path(), bytes);
  }
}

}  // namespace

TEST_CASE("after a restart everything is there: objects with their columns, causes, revisions and history") {
  Opened on("rocksdb");
  on.open();
  const Revision created = on.create(key_of("a"), "1");
  on.create(key_of("gone"), "x");
  on.create(key_of("cluster-wide", "", "nodes"), "n");
  const Revision updated = on.update(key_of("a"), "2");
  const Revision last = on.remove(key_of("gone"));
  on.open();
  const ObjectRef a = on.store->snapshot().get(key_of("a"));
  REQUIRE(a);
  CHECK(text_of(a) == "2");
  CHECK(a->revision() == updated);
  CHECK(on.store->history(a->key().resource, updated - 1, 1)->changes.at(0).cause->request == "request-1");
  CHECK(*a->label(Atom("app")) == "hello");
  CHECK(a->columns().uid == "uid-a");
  CHECK(a->columns().creation_unix_s == 1'700'000'000);
  CHECK(a->columns().deletion_grace_s == -1);
  CHECK(a->columns().generation == 3);
  CHECK(a->columns().schema_epoch == 2);
  CHECK(a->columns().owners.at(0).controller);
  CHECK(a->columns().finalizers == std::vector<std::string>{"demo.io/cdn"});
  CHECK(a->columns().fields == std::vector<std::string>{"node-1", ""});
  CHECK(a->body().substr(a->revision_offset(), 2) == std::to_string(updated) + "\"");
  CHECK(on.store->snapshot().get(key_of("gone")) == nullptr);
  CHECK(on.text(key_of("cluster-wide", "", "nodes")) == "n");
  CHECK(on.store->snapshot().revision() == last);
  const auto page = on.store->history(Atom("pods"), created, 10);
  REQUIRE(page.has_value());
  REQUIRE(page->changes.size() == 3);
  CHECK(text_of(page->changes[1].previous) == "1");
  CHECK(page->changes[2].type == ChangeType::deleted);
  CHECK(page->changes[2].object->revision() == last);
  CHECK(on.create(key_of("b")) == last + 1);
}

TEST_CASE("what is in many tables is read by several threads at start: the newest state of each key, in order") {
  constexpr int kRounds = 4, kKeys = 120;
  constexpr std::size_t kTextBytes = 24u << 10;   // of a round, more than one range has at least
  std::mt19937 random(7);
  Opened on("rocksdb");
  std::map<Key, std::string> model;
  for (int round = 0; round < kRounds; ++round) {
    on.open();
    for (int i = 0; i < kKeys; ++i) {
      const Key key = key_of("n" + std::to_string(random() % (2 * kKeys)), "ns" + std::to_string(random() % 2), random() % 2 == 0 ? "pods" : "configmaps");
      const bool known = model.contains(key);
      if (known && random() % 3 == 0) {
        on.remove(key);
        model.erase(key);
        continue;
      }
      std::string text(kTextBytes, 'x');
      for (char& c : text) c = static_cast<char>('a' + random() % 26);
      known ? on.update(key, text) : on.create(key, text);
      model[key] = std::move(text);
    }
  }
  on.open();
  auto expected = model.begin();
  for (const Atom resource : on.store->snapshot().resources())
    on.store->snapshot().scan(resource, "", nullptr, [&](const ObjectRef& object) {
      REQUIRE(expected != model.end());
      CHECK(object->key() == expected->first);
      CHECK((text_of(object) == expected->second));
      ++expected;
      return true;
    });
  CHECK(expected == model.end());
}

TEST_CASE("an exact read from before a restart expired, a watch did not") {
  Opened on("rocksdb");
  on.open();
  const Revision first = on.create(key_of("a"), "1");
  on.update(key_of("a"), "2");
  on.open();
  const auto exact = on.store->snapshot_at(first, Atom("pods"));
  REQUIRE_FALSE(exact.has_value());
  CHECK(exact.error().code == 410);
  CHECK(on.store->history(Atom("pods"), first, 10)->changes.size() == 1);
}

TEST_CASE("after an unclean end numbering goes on above the ceiling and reads from inside the gap get 410") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  on.create(key_of("a"), "1");
  const Revision last = on.update(key_of("a"), "2");
  const auto after = after_power_cut(on, disk, 1);
  CHECK(after->text(key_of("a")) == "2");
  const Revision now = after->store->snapshot().revision();
  CHECK(now >= kCeilingStep);
  CHECK(after->store->history(Atom("pods"), last, 10).has_value());
  CHECK(after->store->history(Atom("pods"), now, 10).has_value());
  for (const Revision inside : {last + 1, now - 1}) {
    const auto watch = after->store->history(Atom("pods"), inside, 10);
    REQUIRE_FALSE(watch.has_value());
    CHECK(watch.error().code == 410);
    const auto exact = after->store->get_at(key_of("a"), inside);
    REQUIRE_FALSE(exact.has_value());
    CHECK(exact.error().code == 410);
  }
  const Revision next = after->create(key_of("b"));
  CHECK(next > now);
  CHECK(after->store->history(Atom("pods"), last, 10)->changes.size() == 1);
}

TEST_CASE("a power cut loses nothing acknowledged as synced, and the test would see it") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  on.create(key_of("a"), "1");
  CHECK(after_power_cut(on, disk, 2)->text(key_of("a")) == "1");
  disk.fs->lie_about_syncs = true;
  for (int i = 0; i < 20; ++i) on.create(key_of("lost" + std::to_string(i)), std::string(500, 'x'));
  std::filesystem::remove(on.directory / "acknowledged");
  CHECK(after_power_cut(on, disk, 3)->store->snapshot().count(Atom("pods")) < 21);
}

TEST_CASE("a disk that loses what it called synced is found out at the next start") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  disk.fs->lie_about_syncs = true;
  Revision last = 0;
  for (int i = 0; i < 20; ++i) last = on.create(key_of("lost" + std::to_string(i)), std::string(500, 'x'));
  const std::string refusal = refused_after(on, disk, [](const auto&) {});
  CHECK(refusal.find("changes up to revision " + std::to_string(last) + " were acknowledged") != std::string::npos);
}

TEST_CASE("a byte that changed on disk is told at the next start, or changed nothing") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  for (int i = 0; i < 12; ++i) on.create(key_of("p" + std::to_string(i)), std::string(300, static_cast<char>('a' + i)));
  const auto whole = contents_after(on, disk, [](const auto&) {});
  REQUIRE(whole.size() == 12);
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::string what;
    const auto found = contents_after(on, disk, [&](const std::filesystem::path& directory) { what = flip_a_byte(directory, seed); });
    CAPTURE(seed, what);
    CHECK((found.empty() || found == whole));
  }
}

TEST_CASE("a table whose last bytes are changed is refused by name or changes nothing") {
  constexpr std::size_t kLastBytes = 140;   // the footer, the index of the meta blocks, and how the properties end
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  for (int i = 0; i < 5; ++i) on.create(key_of("p" + std::to_string(i)));
  on.store->stop();   // now it is all in tables
  const auto whole = contents_after(on, disk, [](const auto&) {});
  REQUIRE(whole.size() == 5);
  for (std::size_t from_end = 1; from_end <= kLastBytes; ++from_end) {
    std::string changed, refusal;
    std::map<std::string, std::string> found;
    after_damage(on, disk, [&](const std::filesystem::path& directory) { changed = change_a_table(directory, from_end); }, [&](const auto& opened) {
      if (opened) found = contents_of(**opened);
      else refusal = opened.error().message;
    });
    CAPTURE(from_end, changed, refusal);
    CHECK((refusal.empty() ? found == whole : refusal.find(changed) != std::string::npos));
  }
}

TEST_CASE("every record of the write-ahead log that is damaged is told by name, the last one too") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  for (int i = 0; i < 5; ++i) on.create(key_of("p" + std::to_string(i)), std::string(300, static_cast<char>('a' + i)));
  for (char which = 'a'; which < 'f'; ++which) {
    const std::string refusal = refused_after(on, disk, [&](const std::filesystem::path& directory) { spoil(directory, std::string(20, which)); });
    CAPTURE(which, refusal);
    CHECK(refusal.find(".log is not whole") != std::string::npos);
    CHECK(refusal.find("remove ") != std::string::npos);
  }
}

TEST_CASE("relaxed writes are answered before the sync, in the same log, and a synced one carries them") {
  FaultyDisk disk;
  Opened on("rocksdb", base::simulated_runtime(1));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  const Revision start = on.create(key_of("a"));
  const std::uint64_t syncs = disk.fs->syncs;
  const Revision event = on.create(key_of("e1", "default", "events"), "x", Durability::relaxed);
  on.create(key_of("e2", "default", "events"), "x", Durability::relaxed);
  CHECK(disk.fs->syncs == syncs);
  CHECK(on.store->history(Atom(), start, 10)->changes.size() == 2);
  SECTION("by the next synced write") {
    on.create(key_of("b"));
    CHECK(disk.fs->syncs > syncs);
  }
  SECTION("or by itself a few seconds later") {
    simulation.advance((kRelaxedSyncDelay_ms + 1000) * base::kNanosPerMs);
    CHECK(disk.fs->syncs > syncs);
  }
  const auto after = after_power_cut(on, disk, 4);
  CHECK(after->store->snapshot().get(key_of("e1", "default", "events"))->revision() == event);
  CHECK(after->text(key_of("e2", "default", "events")) == "x");
}

TEST_CASE("volatile objects never reach the disk and their history does not outlive the process") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  const Key lease = key_of("node-1", "kube-node-lease", "leases.coordination.k8s.io");
  const Key other = key_of("leader", "kube-system", "leases.coordination.k8s.io");
  const Revision kept = on.create(other, "kept");
  const Revision first = on.create(lease, "0", Durability::volatile_);
  const std::uint64_t written = disk.fs->bytes_written;
  for (int i = 1; i <= 10; ++i) on.update(lease, std::to_string(i), Durability::volatile_);
  CHECK(disk.fs->bytes_written == written);
  CHECK(on.text(lease) == "10");
  const auto page = on.store->history(lease.resource, kept, 100);
  REQUIRE(page.has_value());
  CHECK(page->changes.size() == 11);
  CHECK(text_of(*on.store->get_at(lease, first + 3)) == "3");
  const Revision last = on.store->snapshot().revision();
  on.open();
  CHECK(on.store->snapshot().get(lease) == nullptr);
  CHECK(on.text(other) == "kept");
  CHECK(on.store->snapshot().revision() == last);
  const auto gone = on.store->history(lease.resource, first, 100);
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().code == 410);
  CHECK(on.create(lease, "new", Durability::volatile_) > last);
}

TEST_CASE("numbers that were shown are not given again after a power cut, though nothing of them was on disk") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  const Key lease = key_of("node-1", "kube-node-lease", "leases.coordination.k8s.io");
  on.create(lease, "0", Durability::volatile_);
  on.open();   // an orderly end: the next start need not skip any
  const std::uint64_t written = disk.fs->bytes_written;
  on.create(lease, "1", Durability::volatile_);
  Revision shown = 0;
  for (int i = 2; i <= 50; ++i) shown = on.update(lease, std::to_string(i), Durability::volatile_);
  CHECK(disk.fs->bytes_written == written);
  for (std::uint64_t seed = 1; seed <= 5; ++seed) CHECK(after_power_cut(on, disk, seed)->create(key_of("new")) > shown);
}

TEST_CASE("history merges what is on disk and what is volatile by revision, in slices") {
  Opened on("rocksdb");
  on.open();
  std::vector<Revision> expected;
  for (int i = 0; i < 20; ++i) expected.push_back(on.create(key_of("l" + std::to_string(i), "ns", "leases"), "x", i % 3 == 0 ? Durability::synced : Durability::volatile_));
  std::vector<Revision> seen;
  for (Revision after = 0; after < on.store->snapshot().revision();) {
    const auto page = on.store->history(Atom("leases"), after, 3);
    REQUIRE(page.has_value());
    for (const Change& change : page->changes) seen.push_back(change.revision);
    REQUIRE(page->upto > after);
    after = page->upto;
  }
  CHECK(seen == expected);
}

TEST_CASE("the volatile part of a mixed commit stays in memory, the rest is synced before the answer") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  const CommitOutcome outcome = on.commit(commit_of(write_of(Operation::create, key_of("a"), "1"), write_of(Operation::create, key_of("l", "ns", "leases"), "1", Durability::volatile_)));
  REQUIRE(outcome.committed);
  CHECK(on.text(key_of("l", "ns", "leases")) == "1");
  const auto after = after_power_cut(on, disk, 5);
  CHECK(after->text(key_of("a")) == "1");
  CHECK(after->store->snapshot().get(key_of("l", "ns", "leases")) == nullptr);
  CHECK(after->store->history(Atom("pods"), 0, 10)->changes.at(0).ends_commit);
}

TEST_CASE("a failing sync answers 500 to all that wait, publishes nothing and ends the process") {
  FaultyDisk disk;
  std::atomic<int> ended{0};
  Opened on("rocksdb");
  on.set_hooks({{}, [&](const std::string&) { ++ended; }, {}, disk.env.get()});
  on.open();
  const Revision before = on.create(key_of("a"), "1");
  disk.fs->fail_syncs = true;
  std::atomic<int> failed{0}, answered{0};
  auto waiter = on.runtime->waiter();
  for (int i = 0; i < 10; ++i)
    on.store->commit(commit_of(write_of(Operation::create, key_of("p" + std::to_string(i)))), [&](CommitOutcome outcome) {
      if (outcome.error && outcome.error->code == 500) ++failed;
      if (++answered == 10) waiter->notify();
    });
  REQUIRE(waiter->wait_until(on.runtime->in_ms(30'000)));
  CHECK(failed == 10);
  CHECK(on.store->snapshot().revision() == before);
  CHECK(on.store->snapshot().count(Atom("pods")) == 1);
  on.store->stop();
  CHECK(ended == 1);
}

TEST_CASE("while space is low only deletes, node status and leases are accepted") {
  std::atomic<std::uint64_t> available{1000};
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.options.space_low_bytes = 500;
  on.set_hooks({[&] { return available.load(); }, {}, {}, nullptr});
  on.options.space_low_bytes = 500;
  on.open();
  on.create(key_of("a"));
  on.create(key_of("n", "", "nodes"));
  available = 400;
  const CommitOutcome refused = on.commit(commit_of(write_of(Operation::create, key_of("b"))));
  REQUIRE(refused.error);
  CHECK(refused.error->code == 500);
  CHECK(on.commit(commit_of(write_of(Operation::update, key_of("n", "", "nodes"), "ready"))).committed);
  CHECK(on.commit(commit_of(write_of(Operation::create, key_of("l", "kube-system", "leases.coordination.k8s.io")))).committed);
  CHECK(on.commit(commit_of(write_of(Operation::create, key_of("v", "ns", "leases"), "x", Durability::volatile_))).committed);
  CHECK(on.commit(commit_of(write_of(Operation::remove, key_of("a")))).committed);
  CHECK(on.commit(commit_of(write_of(Operation::create, key_of("m", "", "nodes")))).error);
  available = 1000;
  CHECK(on.commit(commit_of(write_of(Operation::create, key_of("b")))).committed);
}

TEST_CASE("the ballast file is laid down when there is room and given up when there is none") {
  std::atomic<std::uint64_t> available{1ull << 30};
  Opened on("rocksdb");
  on.options.space_low_bytes = 1 << 20;
  on.set_hooks({[&] { return available.load(); }, {}, {}, nullptr});
  on.open();
  on.create(key_of("a"));
  const auto ballast = on.directory / "ballast";
  CHECK(std::filesystem::exists(ballast));
  available = 1000;
  on.remove(key_of("a"));
  CHECK_FALSE(std::filesystem::exists(ballast));
  available = 1ull << 30;
  on.create(key_of("a"));
  CHECK(std::filesystem::exists(ballast));
}

namespace {

// Not a cipher: enough to see that values pass it, and under which key.
class Xor final : public ValueTransform {
 public:
  explicit Xor(std::string key) : key_(std::move(key)) {}
  SealedValue seal(std::string_view place, std::string_view plain) const override { return {key_, flip(plain) + std::to_string(place.size())}; }
  base::Outcome<std::string> open(std::string_view place, std::string_view key_id, std::string_view sealed) const override {
    const std::string tail = std::to_string(place.size());
    if (!sealed.ends_with(tail)) return base::internal("of another place");
    if (key_id != "k1" || lost_) return base::internal("unknown key");
    return flip(sealed.substr(0, sealed.size() - tail.size()));
  }
  void lose_keys() { lost_ = true; }

 private:
  static std::string flip(std::string_view text) {
    std::string out(text);
    for (char& c : out) c ^= 0x55;
    return out;
  }
  const std::string key_;
  std::atomic<bool> lost_ = false;
};

bool on_disk(const std::filesystem::path& directory, const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename() == "ballast") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("values of a resource with a transform are sealed on disk, history included") {
  Opened on("rocksdb");
  StoreHooks hooks;
  hooks.transform_of = [](Atom resource) { return resource == Atom("secrets") ? std::make_shared<Xor>("k1") : nullptr; };
  on.set_hooks(hooks);
  on.open();
  const Key secret = key_of("s", "default", "secrets");
  const Revision first = on.create(secret, "canary-one-secret");
  on.update(secret, "canary-two-secret");
  on.create(key_of("p"), "canary-plain");
  CHECK(on_disk(on.directory, "canary-plain"));
  CHECK_FALSE(on_disk(on.directory, "canary-one-secret"));
  on.open();
  CHECK_FALSE(on_disk(on.directory, "canary-two-secret"));
  CHECK(on.text(secret) == "canary-two-secret");
  CHECK(text_of(*on.store->get_at(secret, first)) == "canary-one-secret");
}

TEST_CASE("an old state that can no longer be decoded is an internal error, what is held stays readable") {
  Opened on("rocksdb");
  StoreHooks hooks;
  const auto sealing = std::make_shared<Xor>("k1");   // shared: the hook's copies answer the same one
  hooks.transform_of = [sealing](Atom) { return sealing; };
  on.set_hooks(hooks);
  on.open();
  const Key secret = key_of("s", "default", "secrets");
  const Revision first = on.create(secret, "one");
  on.update(secret, "two");
  sealing->lose_keys();
  const auto old = on.store->get_at(secret, first);
  REQUIRE_FALSE(old.has_value());
  CHECK(old.error().code == 500);
  CHECK(old.error().reason == "InternalError");
  CHECK(old.error().message.find("stored object secrets default/s at revision") != std::string::npos);
  CHECK(on.text(secret) == "two");
}

TEST_CASE("records whose columns were derived otherwise get theirs anew at start") {
  Opened on("rocksdb");
  on.open();
  on.create(key_of("a"));
  on.store.reset();
  on.options.columns_version = 2;
  int asked = 0;
  auto opened = open_rocksdb_store(on.options, *on.runtime, *on.metrics, [&](const Key& key, std::string_view) -> base::Outcome<Columns> {
    ++asked;
    Columns columns;
    columns.key = key;
    columns.fields = {"derived"};
    return columns;
  });
  REQUIRE(opened.has_value());
  CHECK(asked == 1);
  CHECK((*opened)->snapshot().get(key_of("a"))->columns().fields.at(0) == "derived");
}

TEST_CASE("two stores cannot open one directory") {
  Opened on("rocksdb");
  on.open();
  const auto second = open_rocksdb_store(on.options, *on.runtime, *on.metrics, {});
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == 500);
}

TEST_CASE("a commit of several objects survives as a whole or not at all") {
  FaultyDisk disk;
  Opened on("rocksdb");
  on.set_hooks({{}, {}, {}, disk.env.get()});
  on.open();
  on.create(key_of("base"));
  disk.fs->lie_about_syncs = true;   // so that a cut falls inside what was written
  for (int i = 0; i < 30; ++i) {
    const std::string name = std::to_string(i);
    on.commit(commit_of(write_of(Operation::create, key_of("a" + name), std::string(300, 'x')), write_of(Operation::create, key_of("b" + name), std::string(300, 'y'))));
  }
  std::filesystem::remove(on.directory / "acknowledged");   // it would tell the lie
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Snapshot left = after_power_cut(on, disk, seed)->store->snapshot();
    for (int i = 0; i < 30; ++i) {
      const std::string name = std::to_string(i);
      lost = lost || !left.get(key_of("a" + name));
      CHECK((left.get(key_of("a" + name)) == nullptr) == (left.get(key_of("b" + name)) == nullptr));
    }
  }
  CHECK(lost);
}

TEST_CASE("after a load the write buffers are emptied without anybody writing") {
  Opened on("rocksdb", base::simulated_runtime(5));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.open();
  const auto tables = [&] {
    const auto files = std::filesystem::directory_iterator(on.options.directory);
    return std::count_if(begin(files), end(files), [](const auto& file) { return file.path().extension() == ".sst"; });
  };
  const auto before = tables();
  for (int i = 0; i < 20; ++i) on.create(key_of("a" + std::to_string(i)), std::string(1 << 20, 'x'));
  const auto loaded = tables();
  simulation.advance(2 * kRestDelay_ms * base::kNanosPerMs);
  CHECK(tables() > loaded);
  const auto rested = tables();
  on.create(key_of("b"));
  simulation.advance(2 * kRestDelay_ms * base::kNanosPerMs);
  CHECK(tables() == rested);   // little is not worth it
  CHECK(before <= loaded);
}

TEST_CASE("history over its size is dropped also while writes never pause") {
  Opened on("rocksdb", base::simulated_runtime(5));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.options.history_max_bytes = 100'000;
  on.open();
  on.create(key_of("e", "default", "events"), "0", Durability::relaxed);
  int written = 0;
  std::function<void(CommitOutcome)> next = [&](CommitOutcome outcome) {
    CHECK(outcome.committed);
    if (++written < 400) on.store->commit(commit_of(write_of(Operation::update, key_of("e", "default", "events"), std::string(1000, 'x'), Durability::relaxed)), next);
  };
  next(on.commit(commit_of(write_of(Operation::update, key_of("e", "default", "events"), "1", Durability::relaxed))));
  simulation.settle();
  CHECK(written == 400);
  CHECK(on.store->compacted(Atom("events")) > 0);
}
