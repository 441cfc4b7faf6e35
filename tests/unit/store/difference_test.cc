// Versions as differences: the texts alone, and a store that writes them.
#include <rocksdb/db.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>

#include "core/base/base64.hpp"
#include "core/base/simulated_runtime.hpp"
#include "core/store/difference.hpp"
#include "core/store/encryption.hpp"
#include "core/store/meta_keys.hpp"
#include "core/store/rocksdb_storage.hpp"
#include "core/store/unreadable.hpp"
#include "tests/unit/store/support.hpp"

using namespace keelson;
using namespace keelson::store;
using namespace keelson::store::testing;

namespace {

using Random = std::mt19937_64;

// Of few letters: with much in it that looks alike.
std::string random_text(Random& random, std::size_t bytes, unsigned letters) {
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % letters);
  return text;
}

// Some of it replaced, put in, taken out, moved or doubled.
std::string edited(Random& random, std::string text, unsigned letters) {
  for (std::uint64_t edits = random() % 6; edits > 0; --edits) {
    const std::size_t at = random() % (text.size() + 1), bytes = std::min<std::size_t>(random() % 100, text.size() - at), to = random() % (text.size() - bytes + 1);
    const std::string piece = text.substr(at, bytes);
    switch (random() % 5) {
      case 0: text.replace(at, bytes, random_text(random, bytes, letters)); break;
      case 1: text.insert(at, random_text(random, random() % 200, letters)); break;
      case 2: text.erase(at, bytes); break;
      case 3: text.erase(at, bytes).insert(to, piece); break;
      default: text.insert(at, piece);
    }
  }
  return text;
}

std::string difference_of(const std::string& base, const std::string& text) {
  std::string difference;
  REQUIRE(append_difference(base, text, SIZE_MAX / 2, difference));
  return difference;
}

std::string lines(int from, int to, const std::function<std::string(int)>& value) {
  std::string text;
  for (int i = from; i < to; ++i) text += "\"member-" + std::to_string(i * 7919) + "\":\"" + value(i) + "\",";
  return text;
}

/// What lies on a stopped store's disk.
class Disk {
 public:
  explicit Disk(const Opened& on) {
    const std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, {}}, {"versions", {}}, {"log", {}}, {"meta", {}}};
    rocksdb::DB* database = nullptr;
    const auto status = rocksdb::DB::Open({}, on.directory, families, &handles_, &database);
    if (!status.ok()) FAIL(status.ToString());
    database_.reset(database);
  }
  ~Disk() {
    for (auto* handle : handles_) database_->DestroyColumnFamilyHandle(handle);
    database_->Close();
  }
  /// Newest first; empty: a tombstone or a whole version, else how much a difference takes.
  std::vector<std::pair<Revision, std::optional<std::size_t>>> versions(const Key& key) const {
    std::vector<std::pair<Revision, std::optional<std::size_t>>> all;
    const std::unique_ptr<rocksdb::Iterator> at(database_->NewIterator({}, handles_[1]));
    for (at->Seek(version_prefix(key)); at->Valid() && at->key().starts_with(version_prefix(key)); at->Next()) {
      const Revision revision = parse_version_key(at->key().ToStringView())->revision;
      RecordChain chain(revision);
      chain.add(at->value().ToStringView());
      all.push_back({revision, chain.wanted() != 0 ? std::optional(at->value().size()) : std::nullopt});
    }
    return all;
  }
  std::size_t count(const Key& key) const { return versions(key).size(); }
  std::size_t differences(const Key& key) const {
    const auto all = versions(key);
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& version) { return version.second.has_value(); }));
  }
  void forget(const Key& key, Revision revision) { REQUIRE(database_->Delete({}, handles_[1], version_key(key, revision)).ok()); }
  void set_format(std::uint64_t format) { REQUIRE(database_->Put({}, handles_[3], meta::kFormat, encode_revision(format)).ok()); }

 private:
  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
};

std::unique_ptr<Disk> stopped(Opened& on) {
  on.store.reset();
  return std::make_unique<Disk>(on);
}

const std::string kLarge(3000, 'l');
std::string large(int number) { return std::to_string(number) + kLarge; }

}  // namespace

TEST_CASE("a text comes back from its difference to any other, and to no other than that") {
  Random random(1);
  for (int i = 0; i < 4000; ++i) {
    const unsigned letters = i % 3 == 0 ? 2 : 20;
    const std::string base = random_text(random, random() % (i % 50 == 0 ? 40'000 : 3000), letters);
    const std::string text = i % 10 == 0 ? random_text(random, random() % 500, letters) : edited(random, base, letters);
    const std::string difference = difference_of(base, text);
    std::string made = "before";
    REQUIRE(apply_difference(base, difference, made));
    REQUIRE(made == "before" + text);
    std::string other = base + "x";
    other[random() % other.size()] ^= 1;
    std::string wrong = "before";
    if (apply_difference(other, difference, wrong)) REQUIRE(wrong == "before" + text);
    else REQUIRE(wrong == "before");
  }
}

TEST_CASE("a damaged difference is refused, or what it says is what it said") {
  Random random(2);
  const std::string base = random_text(random, 2000, 20), text = edited(random, base, 20) + "end", difference = difference_of(base, text);
  for (std::size_t at = 0; at < difference.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = difference, made;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      if (apply_difference(base, damaged, made)) CHECK(made == text);
    }
    std::string made;
    CHECK_FALSE(apply_difference(base, difference.substr(0, at), made));
  }
}

TEST_CASE("what was replaced, put in and taken out in a few places costs little more than what is new") {
  const auto same = [](int i) { return "value of " + std::to_string(i * 31); };
  const std::string base = lines(0, 150, same);
  const std::string text = lines(0, 20, same) + lines(20, 21, [](int) { return "another"; }) + lines(21, 60, same) + lines(1000, 1003, [](int i) { return "put in " + std::to_string(i); }) + lines(60, 90, same) + lines(95, 150, same);
  CHECK(difference_of(base, text).size() < 170);
  CHECK(difference_of(base, base).size() < 12);
  std::string out = "before";
  CHECK_FALSE(append_difference(base, text, 50, out));
  CHECK(out == "before");
}

TEST_CASE("a version is a difference to the one before, up to so many in a row, and where that saves half") {
  Opened on("rocksdb");
  on.open();
  on.create(key_of("a"), large(0));
  for (int i = 1; i <= 2 * static_cast<int>(kDifferencesMax) + 2; ++i) on.update(key_of("a"), large(i));
  on.create(key_of("b"), "short");
  on.update(key_of("b"), large(1));
  const auto disk = stopped(on);
  const auto versions = disk->versions(key_of("a"));
  REQUIRE(versions.size() == 2 * kDifferencesMax + 3);
  for (std::size_t i = 0; i < versions.size(); ++i) {
    const auto& difference = versions[versions.size() - 1 - i].second;
    CHECK(difference.has_value() == (i % (kDifferencesMax + 1) != 0));
    if (difference) CHECK(*difference < 300);
  }
  CHECK(disk->differences(key_of("b")) == 0);
}

TEST_CASE("what rests on others is there after a restart, is written whole first then, and its history can be read") {
  Opened on("rocksdb");
  on.open();
  std::vector<Revision> revisions = {on.create(key_of("a"), large(0))};
  for (int i = 1; i < 30; ++i) {
    if (i % 7 == 0) on.open();
    revisions.push_back(on.update(key_of("a"), large(i)));
  }
  on.open();
  CHECK(on.text(key_of("a")) == large(29));
  CHECK(on.store->snapshot().get(key_of("a"))->revision() == revisions.back());
  const auto page = on.store->history(Atom("pods"), revisions.front(), 100);
  REQUIRE(page.has_value());
  REQUIRE(page->changes.size() == 29);
  for (int i = 1; i < 30; ++i) {
    const Change& change = page->changes[static_cast<std::size_t>(i) - 1];
    CHECK(text_of(change.object) == large(i));
    CHECK(text_of(change.previous) == large(i - 1));
    CHECK(change.object->revision() == revisions[static_cast<std::size_t>(i)]);
    CHECK(change.object->columns().uid == "uid-a");
  }
  on.update(key_of("a"), large(30));
  const auto disk = stopped(on);
  CHECK_FALSE(disk->versions(key_of("a")).front().second.has_value());
  CHECK(disk->differences(key_of("a")) > 20);
}

TEST_CASE("dropping history keeps what the current state rests on, and nothing for ever") {
  Opened on("rocksdb", base::simulated_runtime(7));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  const auto age = [&] { simulation.advance(70ll * 60 * base::kNanosPerSecond); };
  on.open();
  on.create(key_of("a"), large(0));
  int number = 0;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 12; ++i) on.update(key_of("a"), large(++number));
    age();
    CHECK(on.store->compacted(Atom("pods")) == on.store->snapshot().revision());
    CHECK(text_of(*on.store->get_at(key_of("a"), on.store->snapshot().revision())) == large(number));
    if (round % 3 == 1) on.open();
    CHECK(on.text(key_of("a")) == large(number));
    {
      const auto disk = stopped(on);
      CHECK(disk->count(key_of("a")) <= 2 * (kDifferencesMax + 1));
    }
    on.open();
    REQUIRE(on.text(key_of("a")) == large(number));
  }
  for (int i = 0; i < 5; ++i) on.update(key_of("a"), large(++number));
  on.remove(key_of("a"));
  age();
  CHECK(stopped(on)->count(key_of("a")) == 0);
  on.open();
  CHECK(on.store->snapshot().get(key_of("a")) == nullptr);
}

TEST_CASE("whatever is written, dropped and restarted, every state that is kept reads as it was written") {
  Random random(GENERATE(11u, 12u, 13u));
  Opened on("rocksdb", base::simulated_runtime(8));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  std::map<Key, std::map<Revision, std::string>> model;   // "" = removed
  const auto now = [&](const Key& key) { return model[key].empty() ? std::string() : model[key].rbegin()->second; };
  const auto check = [&] {
    const Revision kept = on.store->compacted(Atom("pods")), last = on.store->snapshot().revision();
    for (auto& [key, states] : model) {
      REQUIRE(on.text(key) == (now(key).empty() ? "(none)" : now(key)));
      for (const auto& [revision, text] : states)
        if (const auto object = revision >= kept ? on.store->get_at(key, revision) : base::Outcome<ObjectRef>(ObjectRef()); revision >= kept && object) REQUIRE(text_of(*object) == (text.empty() ? "(none)" : text));
    }
    const auto page = on.store->history(Atom("pods"), kept, 10'000);
    REQUIRE(page.has_value());
    REQUIRE((page->changes.empty() || page->changes.back().revision == last));
    for (const Change& change : page->changes) {
      auto& states = model[change.object->key()];
      const auto at = states.find(change.revision);
      REQUIRE(at != states.end());
      if (change.type != ChangeType::deleted) REQUIRE(text_of(change.object) == at->second);
      if (change.previous) REQUIRE(text_of(change.previous) == std::prev(at)->second);
    }
  };
  on.open();
  for (int step = 0; step < 600; ++step) {
    const Key key = key_of("p" + std::to_string(random() % 6));
    const std::string before = now(key);
    if (before.empty()) {
      const std::string text = random_text(random, 200 + random() % 2000, 20);
      model[key][on.create(key, text)] = text;
    } else if (random() % 12 == 0) {
      model[key][on.remove(key)] = "";
    } else {
      const std::string text = edited(random, before, 20) + ".";
      model[key][on.update(key, text)] = text;
    }
    if (random() % 40 == 0) simulation.advance(static_cast<std::int64_t>(random() % 40) * 60 * base::kNanosPerSecond);
    if (random() % 60 == 0) on.open();
    if (random() % 20 == 0) check();
  }
  for (const auto& [key, states] : std::map(model))
    if (!now(key).empty()) on.remove(key);
  simulation.advance(70ll * 60 * base::kNanosPerSecond);
  const auto disk = stopped(on);
  for (const auto& [key, states] : model) CHECK(disk->count(key) == 0);
}

TEST_CASE("of what was sealed after it rested on others nothing is left once it is removed") {
  Opened on("rocksdb", base::simulated_runtime(9));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.open();
  on.create(key_of("a"), large(0));
  for (int i = 1; i < 5; ++i) on.update(key_of("a"), large(i));
  const auto encryption = parse_encryption("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [pods]\n  providers:\n  - aesgcm:\n      keys:\n      - {name: k, secret: " +
                                           base::base64_encode(std::string(32, 'k')) + "}\n  - identity: {}\n", "test", *on.real);
  REQUIRE(encryption.has_value());
  StoreHooks hooks;
  hooks.transform_of = [encryption = *encryption](Atom resource) { return encryption->transform_of(resource); };
  on.set_hooks(hooks);
  on.open();
  REQUIRE(on.text(key_of("a")) == large(4));
  {
    const auto disk = stopped(on);
    CHECK(disk->differences(key_of("a")) == 0);
    CHECK(disk->count(key_of("a")) == 5);
  }
  on.open();
  on.remove(key_of("a"));
  simulation.advance(70ll * 60 * base::kNanosPerSecond);
  CHECK(stopped(on)->count(key_of("a")) == 0);
  on.open();
  CHECK(on.store->snapshot().get(key_of("a")) == nullptr);
}

TEST_CASE("an object whose record rests on one that is missing is unreadable by name, and all others are there") {
  Opened on("rocksdb");
  on.open();
  const Revision first = on.create(key_of("a"), large(0));
  on.create(key_of("b"), large(1));
  const Revision second = on.update(key_of("a"), large(2));
  const Revision third = on.update(key_of("a"), large(3));
  stopped(on)->forget(key_of("a"), GENERATE_COPY(first, second));
  on.open();
  const ObjectRef object = on.store->snapshot().get(key_of("a"));
  REQUIRE(object);
  REQUIRE(is_unreadable(*object));
  CHECK(object->revision() == third);
  CHECK(why_unreadable(*object).find("object not decodable") != std::string::npos);
  CHECK(why_unreadable(*object).find("default/a at revision " + std::to_string(third)) != std::string::npos);
  CHECK(on.text(key_of("b")) == large(1));
  on.remove(key_of("a"));
  on.open();
  CHECK(on.store->snapshot().get(key_of("a")) == nullptr);
}

TEST_CASE("a store whose versions are all whole, as they were once, goes on, and one of a later format is refused") {
  Opened on("rocksdb");
  on.open();
  Random random(3);
  const std::string first = random_text(random, 2000, 20), second = random_text(random, 2000, 20);
  const Revision created = on.create(key_of("a"), first);
  on.update(key_of("a"), second);
  {
    const auto disk = stopped(on);
    REQUIRE(disk->differences(key_of("a")) == 0);
    disk->set_format(1);
  }
  on.open();
  CHECK(on.text(key_of("a")) == second);
  on.update(key_of("a"), second + "x");
  on.update(key_of("a"), second + "y");
  const auto page = on.store->history(Atom("pods"), created, 10);
  REQUIRE(page.has_value());
  CHECK(page->changes.size() == 3);
  CHECK(text_of(page->changes[0].previous) == first);
  {
    const auto disk = stopped(on);
    CHECK(disk->differences(key_of("a")) == 1);
    disk->set_format(kStoreFormat + 1);
  }
  const auto refused = open_rocksdb_store(on.options, *on.runtime, *on.metrics, {});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message.find("its format is " + std::to_string(kStoreFormat + 1)) != std::string::npos);
}
