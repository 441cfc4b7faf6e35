#include <fstream>

#include "core/base/base64.hpp"
#include "core/store/aes_gcm.hpp"
#include "core/store/encryption.hpp"
#include "core/store/unreadable.hpp"
#include "tests/unit/store/support.hpp"

using namespace keelson;
using namespace keelson::store;
using namespace keelson::store::testing;

namespace {

std::string secret_of(char fill, std::size_t bytes = 32) { return base::base64_encode(std::string(bytes, fill)); }

std::string config(const std::string& keys, const std::string& resources = "secrets", const std::string& first = {}) {
  return "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [" + resources + "]\n  providers:\n" + first +
         "  - aesgcm:\n      keys:\n" + keys + "  - identity: {}\n";
}
std::string key(const std::string& name, char fill) { return "      - {name: " + name + ", secret: " + secret_of(fill) + "}\n"; }

std::string complaint(const std::string& text) {
  const auto runtime = base::real_runtime();
  const auto parsed = parse_encryption(text, "e.yaml", *runtime);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().message;
}

void encrypt(Opened& on, const std::string& text) {
  const auto parsed = parse_encryption(text, "test", *on.real);
  if (!parsed) FAIL(parsed.error().message);
  StoreHooks hooks;
  hooks.transform_of = [encryption = *parsed](Atom resource) { return encryption->transform_of(resource); };
  on.set_hooks(hooks);
}

bool disk_has(const Opened& on, std::string_view text) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(on.directory)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

/// Why the object cannot be read in a store that is opened anew.
std::string unreadable(Opened& on, const Key& key) {
  on.store.reset();
  on.open();
  const auto object = on.store->snapshot().get(key);
  REQUIRE(object);
  REQUIRE(is_unreadable(*object));
  CHECK(object->key() == key);
  CHECK(object->body().starts_with("{\"metadata\":{\"name\":\"" + key.name + "\",\"namespace\":\"" + key.ns + "\",\"resourceVersion\":\"" + std::to_string(object->revision()) + "\""));
  return why_unreadable(*object);
}

}  // namespace

TEST_CASE("AES-GCM opens what it sealed, with the same key and place only") {
  const auto runtime = base::real_runtime();
  for (const auto bytes : kAesKeyBytes) {
    const std::string key(bytes, 'k');
    const auto sealed = aes_gcm_seal(key, "place", "text", *runtime);
    CHECK(sealed != aes_gcm_seal(key, "place", "text", *runtime));
    CHECK(aes_gcm_open(key, "place", sealed) == "text");
    CHECK_FALSE(aes_gcm_open(key, "other", sealed));
    CHECK_FALSE(aes_gcm_open(std::string(bytes, 'x'), "place", sealed));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      auto changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      CHECK_FALSE(aes_gcm_open(key, "place", changed));
    }
    CHECK_FALSE(aes_gcm_open(key, "place", sealed.substr(0, 20)));
  }
  CHECK(aes_gcm_open(std::string(32, 'k'), "", aes_gcm_seal(std::string(32, 'k'), "", "", *runtime)) == "");
}

TEST_CASE("an encryption configuration names resources, groups and all") {
  const auto runtime = base::real_runtime();
  const auto covers = [&](const std::string& words, std::string_view resource) { return (*parse_encryption(config(key("a", 'a'), words), "test", *runtime))->transform_of(Atom(resource)) != nullptr; };
  CHECK(covers("secrets", "secrets"));
  CHECK_FALSE(covers("secrets", "pods"));
  CHECK(covers("deployments.apps", "deployments.apps"));
  CHECK(covers("'*.apps'", "deployments.apps"));
  CHECK_FALSE(covers("'*.apps'", "pods"));
  CHECK(covers("'*.'", "pods"));
  CHECK_FALSE(covers("'*.'", "deployments.apps"));
  CHECK(covers("'*.*'", "pods"));
}

TEST_CASE("a wrong encryption configuration is refused, naming the field and never a key") {
  CHECK(complaint("kind: Secret\n").find("e.yaml: kind: is no EncryptionConfiguration") == 0);
  CHECK(complaint(config("      - {name: a, secret: '!!'}\n")) == "e.yaml: resources[0].providers[0].aesgcm.keys[0].secret: is no base64");
  const auto wrong_size = complaint(config("      - {name: a, secret: " + secret_of('q', 31) + "}\n"));
  CHECK(wrong_size == "e.yaml: resources[0].providers[0].aesgcm.keys[0].secret: must be 16, 24 or 32 bytes, not 31");
  CHECK(complaint(config(key("a", 'a') + key("a", 'b'))).find("another key of that name") != std::string::npos);
  CHECK(complaint(config(key("a", 'a'), "secrets", "  - aescbc: {keys: []}\n")).find("providers[0].aescbc: this provider is not supported") != std::string::npos);
  CHECK(complaint(config(key("a", 'a'), "'*'")).find("names no resource") != std::string::npos);
}

TEST_CASE("what is stored unsealed is sealed at the next start, and leaves the disk") {
  Opened on("rocksdb");
  on.open();
  const Key secret = key_of("s", "default", "secrets");
  const Revision first = on.create(secret, "canary-one-plain");
  on.update(secret, "canary-one-plain" + std::string(1000, 'x'));
  on.update(secret, "canary-two-plain" + std::string(1000, 'x'));   // a difference
  const Revision second = on.update(secret, "canary-two-plain");
  CHECK(disk_has(on, "canary-one-plain"));
  encrypt(on, config(key("a", 'a')));
  on.open();
  CHECK(on.text(secret) == "canary-two-plain");
  CHECK(on.store->snapshot().get(secret)->revision() == second);
  CHECK(text_of(*on.store->get_at(secret, first)) == "canary-one-plain");
  on.store.reset();
  CHECK_FALSE(disk_has(on, "canary-one-plain"));
  CHECK_FALSE(disk_has(on, "canary-two-plain"));
}

TEST_CASE("after one start with a new first key the old one can go") {
  Opened on("rocksdb");
  encrypt(on, config(key("a", 'a')));
  on.open();
  const Key secret = key_of("s", "default", "secrets"), gone = key_of("gone", "default", "secrets");
  const Revision first = on.create(secret, "one");
  on.update(secret, "two");
  on.create(gone, "three");
  on.remove(gone);
  on.store.reset();
  encrypt(on, config(key("b", 'b') + key("a", 'a')));
  on.open();
  on.store.reset();
  encrypt(on, config(key("b", 'b')));
  on.open();
  CHECK(on.text(secret) == "two");
  CHECK(text_of(*on.store->get_at(secret, first)) == "one");
}

TEST_CASE("identity first takes the seal away") {
  Opened on("rocksdb");
  encrypt(on, config(key("a", 'a')));
  on.open();
  const Key secret = key_of("s", "default", "secrets");
  on.create(secret, "canary-sealed");
  CHECK_FALSE(disk_has(on, "canary-sealed"));
  on.store.reset();
  encrypt(on, config(key("a", 'a'), "secrets", "  - identity: {}\n"));
  on.open();
  CHECK(on.text(secret) == "canary-sealed");
  on.create(key_of("t", "default", "secrets"), "canary-plain");
  CHECK(disk_has(on, "canary-plain"));
}

TEST_CASE("without the right key an object is unreadable, all others are there, and nothing is lost") {
  Opened on("rocksdb");
  encrypt(on, config(key("a", 'a')));
  on.open();
  const Key secret = key_of("s", "default", "secrets");
  on.create(secret, "one");
  on.create(key_of("plain"), "two");
  const auto revision = on.store->snapshot().get(secret)->revision();
  on.store.reset();
  encrypt(on, config(key("a", 'z')));
  const auto other = unreadable(on, secret);
  CHECK(other.starts_with("data from the storage is not transformable revision=" + std::to_string(revision) + ": stored object secrets default/s at revision"));
  CHECK(other.find("the key aesgcm:a of the encryption configuration does not open it") != std::string::npos);
  CHECK(on.text(key_of("plain")) == "two");
  encrypt(on, config(key("b", 'b')));
  CHECK(unreadable(on, secret).find("sealed by the key aesgcm:a, which the encryption configuration does not have") != std::string::npos);
  on.options.hooks = nullptr;
  CHECK(unreadable(on, secret).find("it is sealed and there is no key") != std::string::npos);
  encrypt(on, config(key("a", 'a')));
  on.store.reset();
  on.open();
  CHECK(on.text(secret) == "one");
  CHECK(on.store->snapshot().get(secret)->revision() == revision);
}

TEST_CASE("what cannot be read can be deleted, for ever") {
  Opened on("rocksdb");
  encrypt(on, config(key("a", 'a')));
  on.open();
  const Key secret = key_of("s", "default", "secrets");
  on.create(secret, "one");
  encrypt(on, config(key("b", 'b')));
  unreadable(on, secret);
  on.remove(secret);
  CHECK_FALSE(on.store->snapshot().get(secret));
  encrypt(on, config(key("a", 'a')));
  on.store.reset();
  on.open();
  CHECK_FALSE(on.store->snapshot().get(secret));
}

TEST_CASE("the encryption configuration of a first start seals secrets") {
  const auto runtime = base::real_runtime();
  const auto text = new_encryption_file(*runtime);
  CHECK(text != new_encryption_file(*runtime));
  const auto parsed = parse_encryption(text, "new", *runtime);
  REQUIRE(parsed.has_value());
  CHECK((*parsed)->transform_of(Atom("secrets")));
  CHECK_FALSE((*parsed)->transform_of(Atom("configmaps")));
}
