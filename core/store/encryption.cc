#include "core/store/encryption.hpp"

#include <algorithm>
#include <boost/json/value.hpp>
#include <vector>

#include "core/base/base64.hpp"
#include "core/kinds/engine.hpp"
#include "core/store/aes_gcm.hpp"

namespace keelson::store {
namespace {

namespace json = boost::json;

constexpr std::size_t kKeyNameBytesMax = 200;
constexpr std::string_view kScheme = "aesgcm:";

struct SealingKey {
  std::string id, bytes;
};

/// The keys of one entry. No first key: new values stay as they are.
class Sealing final : public ValueTransform {
 public:
  Sealing(std::vector<SealingKey> keys, bool seals, base::Runtime& runtime) : keys_(std::move(keys)), seals_(seals), runtime_(runtime) {}

  SealedValue seal(std::string_view associated, std::string_view plain) const override {
    if (!seals_) return {{}, std::string(plain)};
    return {keys_.front().id, aes_gcm_seal(keys_.front().bytes, associated, plain, runtime_)};
  }
  bool current(std::string_view key_id) const override { return seals_ ? key_id == keys_.front().id : key_id.empty(); }
  base::Outcome<std::string> open(std::string_view associated, std::string_view key_id, std::string_view sealed) const override {
    const auto key = std::find_if(keys_.begin(), keys_.end(), [&](const auto& each) { return each.id == key_id; });
    if (key == keys_.end()) return base::internal("it is sealed by the key " + std::string(key_id) + ", which the encryption configuration does not have");
    auto plain = aes_gcm_open(key->bytes, associated, sealed);
    if (!plain) return base::internal("the key " + std::string(key_id) + " of the encryption configuration does not open it: it is another key of that name, or the value is damaged");
    return std::move(*plain);
  }

 private:
  const std::vector<SealingKey> keys_;
  const bool seals_;
  base::Runtime& runtime_;
};

struct Entry {
  std::vector<std::string> resources;
  std::shared_ptr<const ValueTransform> transform;
};

bool covers(std::string_view word, std::string_view resource) {
  if (word == resource || word == "*.*") return true;
  if (!word.starts_with("*.")) return false;
  const auto dot = resource.find('.');
  return (dot == std::string_view::npos ? std::string_view() : resource.substr(dot + 1)) == word.substr(2);
}

class Configured final : public Encryption {
 public:
  explicit Configured(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  std::shared_ptr<const ValueTransform> transform_of(Atom resource) const override {
    for (const auto& entry : entries_)
      for (const auto& word : entry.resources)
        if (covers(word, resource.text())) return entry.transform;
    return nullptr;
  }

 private:
  const std::vector<Entry> entries_;
};

const json::value* member(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object ? object->if_contains(name) : nullptr;
}
std::string text(const json::value& value, std::string_view name) {
  const auto* found = member(value, name);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}
const json::array* list(const json::value& value, std::string_view name) {
  const auto* found = member(value, name);
  return found ? found->if_array() : nullptr;
}

class Reader {
 public:
  Reader(std::string_view name, base::Runtime& runtime) : name_(name), runtime_(runtime) {}

  base::Outcome<std::vector<Entry>> read(const json::value& root) {
    std::vector<Entry> entries;
    if (text(root, "kind") != "EncryptionConfiguration" || text(root, "apiVersion") != "apiserver.config.k8s.io/v1") complain("kind", "is no EncryptionConfiguration of apiserver.config.k8s.io/v1");
    const auto* resources = list(root, "resources");
    if (!resources || resources->empty()) complain("resources", "must name at least one resource");
    for (std::size_t i = 0; resources && i < resources->size(); ++i) entries.push_back(entry((*resources)[i], "resources[" + std::to_string(i) + "]"));
    if (!complaint_.empty()) return base::bad_request(complaint_);
    return entries;
  }

 private:
  void complain(const std::string& field, const std::string& why) {
    if (complaint_.empty()) complaint_ = std::string(name_) + ": " + field + ": " + why;
  }

  Entry entry(const json::value& value, const std::string& at) {
    Entry out;
    if (const auto* words = list(value, "resources"))
      for (const auto& word : *words) out.resources.push_back(word.is_string() ? std::string(word.get_string()) : std::string());
    if (out.resources.empty()) complain(at + ".resources", "must name at least one resource");
    for (const auto& word : out.resources)
      if (word.empty() || word == "*") complain(at + ".resources", "\"" + word + "\" names no resource: use <resource>.<group>, *.<group> or *.*");
    std::vector<SealingKey> keys;
    bool first = true, seals = false;
    const auto* providers = list(value, "providers");
    if (!providers || providers->empty()) complain(at + ".providers", "must have at least one provider");
    for (std::size_t i = 0; providers && i < providers->size(); ++i) {
      const bool sealing = provider((*providers)[i], at + ".providers[" + std::to_string(i) + "]", keys);
      if (std::exchange(first, false)) seals = sealing;
    }
    out.transform = std::make_shared<Sealing>(std::move(keys), seals, runtime_);
    return out;
  }

  bool provider(const json::value& value, const std::string& at, std::vector<SealingKey>& keys) {
    const auto* object = value.if_object();
    if (!object || object->size() != 1) return complain(at, "must have exactly one of aesgcm and identity"), false;
    const auto& name = object->begin()->key();
    if (name == "identity") return false;
    if (name != "aesgcm") return complain(at + "." + std::string(name), "this provider is not supported: use aesgcm or identity"), false;
    const auto* listed = list(object->begin()->value(), "keys");
    if (!listed || listed->empty()) return complain(at + ".aesgcm.keys", "must have at least one key"), false;
    for (std::size_t i = 0; i < listed->size(); ++i) key((*listed)[i], at + ".aesgcm.keys[" + std::to_string(i) + "]", keys);
    return true;
  }

  void key(const json::value& value, const std::string& at, std::vector<SealingKey>& keys) {
    const auto name = text(value, "name");
    if (name.empty() || name.size() > kKeyNameBytesMax) return complain(at + ".name", "a key needs a name of at most " + std::to_string(kKeyNameBytesMax) + " bytes");
    auto bytes = base::base64_decode(text(value, "secret"));
    if (!bytes) return complain(at + ".secret", "is no base64");
    if (std::find(std::begin(kAesKeyBytes), std::end(kAesKeyBytes), bytes->size()) == std::end(kAesKeyBytes)) return complain(at + ".secret", "must be 16, 24 or 32 bytes, not " + std::to_string(bytes->size()));
    auto id = std::string(kScheme) + name;
    if (std::any_of(keys.begin(), keys.end(), [&](const auto& known) { return known.id == id; })) return complain(at + ".name", "there is another key of that name");
    keys.push_back({std::move(id), std::move(*bytes)});
  }

  std::string_view name_;
  base::Runtime& runtime_;
  std::string complaint_;
};

}  // namespace

base::Outcome<std::shared_ptr<const Encryption>> parse_encryption(std::string_view text, std::string_view name, base::Runtime& runtime) {
  const auto root = kinds::parse(kinds::Media::yaml, text, {});
  if (!root) return base::bad_request(std::string(name) + ": is no YAML");   // what the parser says may quote a key
  auto entries = Reader(name, runtime).read(*root);
  if (!entries) return entries.error();
  return base::Outcome<std::shared_ptr<const Encryption>>(std::make_shared<Configured>(std::move(*entries)));
}

std::string new_encryption_file(base::Runtime& runtime) {
  std::string key;
  while (key.size() < 32) {
    const auto word = runtime.random_u64();
    key.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return "apiVersion: apiserver.config.k8s.io/v1\n"
         "kind: EncryptionConfiguration\n"
         "resources:\n"
         "- resources: [secrets]\n"
         "  providers:\n"
         "  - aesgcm:\n"
         "      keys:\n"
         "      - name: " + base::name_suffix(runtime, 8) + "\n"
         "        secret: " + base::base64_encode(key) + "\n"
         "  - identity: {}\n";
}

}  // namespace keelson::store
