#include "core/kinds/catalog.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "core/kinds/builtin.hpp"
#include "core/kinds/version_order.hpp"

namespace keelson::kinds {
namespace {

using Place = std::tuple<std::string_view, std::string_view, std::string_view>;

Place resource_place(const KindRef& kind) { return {kind->group, kind->version, kind->resource}; }
Place kind_place(const KindRef& kind) { return {kind->group, kind->version, kind->kind}; }

template <Place (*place)(const KindRef&)>
KindRef find_in(const std::vector<KindRef>& sorted, const Place& wanted) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), wanted,
                                      [](const KindRef& kind, const Place& w) { return place(kind) < w; });
  return found != sorted.end() && place(*found) == wanted ? *found : nullptr;
}

/// By address, which is quick; the order is seen by nobody.
std::size_t key_place(const KindRef& kind) { return kind->storage_key.hash(); }

/// One resource's share of a change: its versions so far (or one of them) go, these come.
struct Replacement {
  base::Atom storage_key;
  std::optional<std::string> version;   ///< only this one goes
  std::vector<KindRef> added;
  bool replaces(const Kind& kind) const { return kind.storage_key == storage_key && (!version || kind.version == *version); }
};

class KindCatalog final : public Catalog {
 public:
  /// `kinds` in the order of their installation.
  KindCatalog(std::uint64_t epoch, std::vector<KindRef> kinds) : epoch_(epoch), all_(std::move(kinds)), by_kind_(all_) {
    std::unordered_map<base::Atom, KindRef> stored;
    for (const auto& kind : all_) keep_stored_form(stored[kind->storage_key], kind);
    for (auto& [key, kind] : stored) by_storage_key_.push_back(std::move(kind));
    std::sort(all_.begin(), all_.end(), [](const auto& a, const auto& b) { return resource_place(a) < resource_place(b); });
    std::sort(by_kind_.begin(), by_kind_.end(), [](const auto& a, const auto& b) { return kind_place(a) < kind_place(b); });
    std::sort(by_storage_key_.begin(), by_storage_key_.end(), [](const auto& a, const auto& b) { return key_place(a) < key_place(b); });
  }
  /// `previous` after one change: copied in its order, not sorted anew, since there may be thousands of kinds.
  KindCatalog(std::uint64_t epoch, const KindCatalog& previous, const Replacement& change) : epoch_(epoch) {
    auto stored = previous.by_storage_key(change.storage_key);
    if (stored && change.replaces(*stored)) stored = nullptr;
    for (const auto& kind : previous.all_)
      if (kind->storage_key == change.storage_key && !change.replaces(*kind)) keep_stored_form(stored, kind);
    for (const auto& kind : change.added) keep_stored_form(stored, kind);
    all_ = changed(previous.all_, change, change.added, resource_place);
    by_kind_ = changed(previous.by_kind_, change, change.added, kind_place);
    by_storage_key_ = changed(previous.by_storage_key_, {change.storage_key, std::nullopt, {}}, stored ? std::vector{stored} : std::vector<KindRef>(), key_place);
  }
  std::uint64_t epoch() const override { return epoch_; }
  KindRef find(std::string_view group, std::string_view version, std::string_view resource) const override {
    return find_in<resource_place>(all_, {group, version, resource});
  }
  KindRef by_kind(std::string_view group, std::string_view version, std::string_view kind) const override {
    return find_in<kind_place>(by_kind_, {group, version, kind});
  }
  KindRef by_storage_key(base::Atom key) const override {
    const auto found = std::lower_bound(by_storage_key_.begin(), by_storage_key_.end(), key.hash(), [](const KindRef& kind, std::size_t wanted) { return key_place(kind) < wanted; });
    return found != by_storage_key_.end() && (*found)->storage_key == key ? *found : nullptr;
  }
  const std::vector<KindRef>& all() const override { return all_; }
  std::vector<std::string> groups() const override;
  std::vector<std::string> versions(std::string_view group) const override;

 private:
  /// Of several versions the one that names the others is stored; otherwise the first that was installed.
  static void keep_stored_form(KindRef& stored, const KindRef& kind) {
    if (!stored || (stored->other_versions.empty() && !kind->other_versions.empty())) stored = kind;
  }

  template <class Where>
  static std::vector<KindRef> changed(const std::vector<KindRef>& sorted, const Replacement& change, const std::vector<KindRef>& added, Where place) {
    std::vector<KindRef> next;
    next.reserve(sorted.size() + added.size());
    std::copy_if(sorted.begin(), sorted.end(), std::back_inserter(next), [&](const KindRef& kind) { return !change.replaces(*kind); });
    for (const auto& kind : added)
      next.insert(std::upper_bound(next.begin(), next.end(), kind, [&](const auto& a, const auto& b) { return place(a) < place(b); }), kind);
    return next;
  }

  bool serves(std::string_view group) const {
    return std::any_of(all_.begin(), all_.end(), [&](const KindRef& kind) { return kind->group == group; });
  }

  std::uint64_t epoch_;
  std::vector<KindRef> all_, by_kind_, by_storage_key_;   // each sorted by its place
};

std::vector<std::string> KindCatalog::groups() const {
  std::vector<std::string> found;
  for (const auto group : builtin_groups())
    if (serves(group)) found.emplace_back(group);
  const std::size_t known = found.size();
  for (const auto& kind : all_)   // sorted by group: the rest comes out in order
    if (std::find(found.begin(), found.end(), kind->group) == found.end()) found.push_back(kind->group);
  std::sort(found.begin() + static_cast<std::ptrdiff_t>(known), found.end());
  return found;
}

std::vector<std::string> KindCatalog::versions(std::string_view group) const {
  std::vector<std::string> found;
  for (const auto& kind : all_)
    if (kind->group == group && std::find(found.begin(), found.end(), kind->version) == found.end()) found.push_back(kind->version);
  std::sort(found.begin(), found.end(), version_before);
  return found;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The name that both would answer to, "" when there is none.
std::string shared_name(const Kind& a, const Kind& b) {
  if (a.resource == b.resource) return a.resource;
  if (a.kind == b.kind || a.list_kind == b.kind || a.kind == b.list_kind) return a.kind;
  if (!a.singular.empty() && a.singular == b.singular) return a.singular;
  for (const auto& name : a.short_names)
    if (name == b.resource || name == b.singular || contains(b.short_names, name)) return name;
  return contains(b.short_names, a.resource) ? a.resource : "";
}

base::Error name_taken(const Kind& wanted, const Kind& owner, const std::string& name) {
  const std::string who = owner.declared_by.empty() ? "a built-in kind" : owner.declared_by;
  return base::conflict("apiextensions.k8s.io", "customresourcedefinitions", std::string(wanted.storage_key.text()),
                        "\"" + name + "\" in group \"" + wanted.group + "\" is already in use by " + who);
}

class KindRegistry final : public Registry {
 public:
  explicit KindRegistry(std::vector<KindRef> builtin) : installed_(std::move(builtin)), newest_(std::make_shared<const KindCatalog>(1, installed_)), catalog_(newest_) {}

  CatalogRef current() const override {
    const std::lock_guard lock(catalog_mutex_);
    return catalog_;
  }
  base::Outcome<KindRef> install(Kind kind) override;
  base::Outcome<std::vector<KindRef>> install_versions(std::vector<Kind> versions) override;
  void withdraw(base::Atom storage_key) override;
  void set_writable(base::Atom storage_key, bool writable) override;
  std::shared_ptr<void> on_change(std::function<void(CatalogRef)> changed) override;

 private:
  using Listener = std::function<void(CatalogRef)>;

  /// Why this kind may not be installed.
  std::optional<base::Error> refusal(const Kind& kind) const;
  KindRef add(Kind kind, std::uint32_t schema_epoch);
  void publish(const Replacement& change);
  void tell();

  mutable std::mutex mutex_;                        // guards what follows, never held during a callback
  std::vector<KindRef> installed_;                  // in the order of installation
  std::unordered_map<base::Atom, std::uint32_t> schema_epochs_;   // also of kinds that are gone: their objects may not be
  std::vector<std::weak_ptr<Listener>> listeners_;
  std::shared_ptr<const KindCatalog> newest_;
  // Its own mutex, held only to copy the pointer: readers never wait for an install. (std::atomic<std::shared_ptr> of
  // GCC 12 does the same with a spin lock, and ends it with a relaxed store that ThreadSanitizer rightly reports.)
  mutable std::mutex catalog_mutex_;
  CatalogRef catalog_;
};

void KindRegistry::publish(const Replacement& change) {
  newest_ = std::make_shared<const KindCatalog>(newest_->epoch() + 1, *newest_, change);
  CatalogRef next = newest_;
  const std::lock_guard lock(catalog_mutex_);
  catalog_.swap(next);   // the old one is freed after the lock, should nobody else hold it
}

std::optional<base::Error> KindRegistry::refusal(const Kind& kind) const {
  for (const auto& other : installed_) {
    if (other->group != kind.group) continue;
    const bool same = other->storage_key == kind.storage_key;
    if (same && other->declared_by == kind.declared_by) continue;
    const std::string name = same ? kind.resource : shared_name(kind, *other);
    if (!name.empty()) return name_taken(kind, *other, name);
  }
  return std::nullopt;
}

KindRef KindRegistry::add(Kind kind, std::uint32_t schema_epoch) {
  if (kind.schema_epoch == Kind().schema_epoch) kind.schema_epoch = schema_epoch;   // else it says itself which form it is
  installed_.push_back(std::make_shared<const Kind>(std::move(kind)));
  return installed_.back();
}

base::Outcome<KindRef> KindRegistry::install(Kind kind) {
  KindRef added;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal(kind)) return std::move(*refused);
    std::erase_if(installed_, [&](const KindRef& k) { return k->storage_key == kind.storage_key && k->version == kind.version; });
    const auto epoch = ++schema_epochs_[kind.storage_key];
    added = add(std::move(kind), epoch);
    publish({added->storage_key, added->version, {added}});
  }
  tell();
  return added;
}

base::Outcome<std::vector<KindRef>> KindRegistry::install_versions(std::vector<Kind> versions) {
  std::vector<KindRef> added;
  if (versions.empty()) return added;
  {
    const std::lock_guard lock(mutex_);
    const auto key = versions.front().storage_key;
    for (const auto& kind : versions)
      if (auto refused = refusal(kind)) return std::move(*refused);
    std::erase_if(installed_, [key](const KindRef& k) { return k->storage_key == key; });
    const auto epoch = ++schema_epochs_[key];
    for (auto& kind : versions) added.push_back(add(std::move(kind), epoch));
    publish({key, std::nullopt, added});
  }
  tell();
  return added;
}

void KindRegistry::withdraw(base::Atom storage_key) {
  {
    const std::lock_guard lock(mutex_);
    if (std::erase_if(installed_, [&](const KindRef& k) { return k->storage_key == storage_key; }) == 0) return;
    publish({storage_key, std::nullopt, {}});
  }
  tell();
}

void KindRegistry::set_writable(base::Atom storage_key, bool writable) {
  {
    const std::lock_guard lock(mutex_);
    bool any = false;
    std::vector<KindRef> versions;
    for (auto& kind : installed_) {
      if (kind->storage_key != storage_key) continue;
      if (kind->writable != writable) {
        Kind copy = *kind;
        copy.writable = writable;
        kind = std::make_shared<const Kind>(std::move(copy));
        any = true;
      }
      versions.push_back(kind);
    }
    if (!any) return;
    publish({storage_key, std::nullopt, std::move(versions)});
  }
  tell();
}

std::shared_ptr<void> KindRegistry::on_change(std::function<void(CatalogRef)> changed) {
  auto listener = std::make_shared<Listener>(std::move(changed));
  const std::lock_guard lock(mutex_);
  std::erase_if(listeners_, [](const auto& known) { return known.expired(); });
  listeners_.push_back(listener);
  return listener;
}

void KindRegistry::tell() {
  std::vector<std::shared_ptr<Listener>> alive;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& known : listeners_)
      if (auto listener = known.lock()) alive.push_back(std::move(listener));
  }
  const auto now = current();
  for (const auto& listener : alive) (*listener)(now);
}

}  // namespace

std::unique_ptr<Registry> make_registry() {
  std::vector<KindRef> kinds;
  kinds.reserve(builtin_kinds().size());
  for (const auto& row : builtin_kinds())
    if (row.served) kinds.push_back(std::make_shared<const Kind>(make_kind(row)));
  return std::make_unique<KindRegistry>(std::move(kinds));
}

}  // namespace keelson::kinds
