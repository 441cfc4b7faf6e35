#include "core/plugins/verdict_cache.hpp"

#include "core/plugins/hook_fields.hpp"

namespace keelson::plugins {
namespace {

/// The form and the fields that matter in it, each with its length: no two questions share a key. The lengths are fixed
/// in size, so that the key is built without another buffer.
void make_key(std::string& key, const auth::Attributes& attributes, std::size_t form, std::uint64_t independent) {
  key.clear();
  key += static_cast<char>(form);
  for (std::size_t i = 0; i < kAuthorizationFields; ++i) {
    if ((independent >> i & 1) != 0) continue;
    const auto at = key.size();
    key.append(4, '\0');
    append_authorization_field(key, attributes, i);
    const auto length = key.size() - at - 4;
    for (std::size_t byte = 0; byte < 4; ++byte) key[at + byte] = static_cast<char>(length >> (8 * byte));
  }
}

constexpr std::size_t kKeyBytes = 256;

}  // namespace

VerdictCache::VerdictCache() {
  for (auto& form : forms_) form.store(0);
}

std::optional<auth::Verdict> VerdictCache::find(const auth::Attributes& attributes, std::uint64_t generation) {
  std::string key;
  key.reserve(kKeyBytes);
  const auto count = form_count_.load(std::memory_order_acquire);
  for (std::size_t form = count; form-- > 0;) {   // the newest forms know fields that do not matter, so they match most
    make_key(key, attributes, form, forms_[form].load(std::memory_order_relaxed));
    auto& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    const auto found = part.entries.find(std::string_view(key));
    if (found != part.entries.end() && found->second.generation == generation) return found->second.verdict;
  }
  return std::nullopt;
}

std::size_t VerdictCache::form_of(std::uint64_t independent) {
  const std::lock_guard lock(forms_mutex_);
  const auto count = form_count_.load();
  for (std::size_t i = 0; i < count; ++i)
    if (forms_[i].load() == independent) return i;
  if (count == kVerdictFormsMax) return 0;
  forms_[count].store(independent);
  form_count_.store(count + 1, std::memory_order_release);
  return count;
}

void VerdictCache::keep(const auth::Attributes& attributes, std::uint64_t independent, std::uint64_t generation, const auth::Verdict& verdict) {
  const auto form = form_of(independent);
  std::string key;
  make_key(key, attributes, form, forms_[form].load());
  auto& part = part_of(key);
  const std::lock_guard lock(part.mutex);
  if (part.entries.size() >= kVerdictsMax / kParts) part.entries.clear();
  part.entries.insert_or_assign(std::move(key), Entry{generation, verdict});
}

std::size_t VerdictCache::size() {
  std::size_t all = 0;
  for (auto& part : parts_) {
    const std::lock_guard lock(part.mutex);
    all += part.entries.size();
  }
  return all;
}

}  // namespace keelson::plugins
