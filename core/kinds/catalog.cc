#include "core/kinds/catalog.hpp"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "core/kinds/builtin.hpp"
#include "core/kinds/catalog_group.hpp"
#include "core/kinds/version_order.hpp"

namespace keelson::kinds {
namespace {

using Place = std::tuple<std::string_view, std::string_view>;

Place resource_place(const KindRef& kind) { return {kind->version, kind->resource}; }
Place kind_place(const KindRef& kind) { return {kind->version, kind->kind}; }

template <Place (*place)(const KindRef&)>
KindRef find_in(const std::vector<KindRef>& sorted, const Place& wanted) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), wanted,
                                      [](const KindRef& kind, const Place& w) { return place(kind) < w; });
  return found != sorted.end() && place(*found) == wanted ? *found : nullptr;
}

template <Place (*place)(const KindRef&)>
void insert_into(std::vector<KindRef>& sorted, const KindRef& kind) {
  sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), kind, [](const auto& a, const auto& b) { return place(a) < place(b); }), kind);
}

/// By address, which is quick; the order is seen by nobody.
std::size_t key_place(const KindRef& kind) { return kind->storage_key.hash(); }

struct ByKey {
  bool operator()(const KindRef& kind, std::size_t key) const { return key_place(kind) < key; }
  bool operator()(std::size_t key, const KindRef& kind) const { return key < key_place(kind); }
};

/// One resource's share of a change: its versions so far (or one of them) go, these come.
struct Replacement {
  base::Atom storage_key;
  std::optional<std::string> version;   ///< only this one goes
  std::vector<KindRef> added;
  bool replaces(const Kind& kind) const { return kind.storage_key == storage_key && (!version || kind.version == *version); }
};

/// What a change leaves alone is shared with the catalog before it, since there may be thousands of kinds.
class KindCatalog final : public Catalog {
 public:
  /// `kinds` in the order of their installation.
  KindCatalog(std::uint64_t epoch, const std::vector<KindRef>& kinds) : epoch_(epoch) {
    for (const auto& kind : kinds) {
      insert_into<resource_place>(group_to_change(kind->group).by_resource, kind);
      insert_into<kind_place>(group_to_change(kind->group).by_kind, kind);
    }
    for (const auto& kind : kinds) change_stored({kind->storage_key, kNoVersion, {kind}});
    changing_.clear();
  }
  /// `previous` after one change.
  KindCatalog(std::uint64_t epoch, const KindCatalog& previous, const Replacement& change) : epoch_(epoch), groups_(previous.groups_), stored_(previous.stored_) {
    for (const auto& kind : previous.with_storage_key(change.storage_key))
      if (change.replaces(*kind)) {
        auto& group = group_to_change(kind->group);
        std::erase(group.by_resource, kind);
        std::erase(group.by_kind, kind);
      }
    for (const auto& kind : change.added) {
      auto& group = group_to_change(kind->group);
      insert_into<resource_place>(group.by_resource, kind);
      insert_into<kind_place>(group.by_kind, kind);
    }
    std::erase_if(groups_, [](const auto& group) { return group->by_resource.empty(); });
    change_stored(change);
    changing_.clear();
  }
  std::uint64_t epoch() const override { return epoch_; }
  KindRef find(std::string_view group, std::string_view version, std::string_view resource) const override {
    const auto* found = group_of(group);
    return found ? find_in<resource_place>(found->by_resource, {version, resource}) : nullptr;
  }
  KindRef by_kind(std::string_view group, std::string_view version, std::string_view kind) const override {
    const auto* found = group_of(group);
    return found ? find_in<kind_place>(found->by_kind, {version, kind}) : nullptr;
  }
  KindRef by_storage_key(base::Atom key) const override {
    const auto kinds = with_storage_key(key);
    return kinds.empty() ? nullptr : kinds.front();
  }
  /// The stored form first.
  std::span<const KindRef> with_storage_key(base::Atom key) const {
    const auto& shelf = stored_[shelf_of(key)];
    if (!shelf) return {};
    const auto [first, last] = std::equal_range(shelf->begin(), shelf->end(), key.hash(), ByKey());
    return {first, last};
  }
  std::span<const KindRef> in_group(std::string_view name) const {
    const auto* group = group_of(name);
    return group ? std::span<const KindRef>(group->by_resource) : std::span<const KindRef>();
  }
  const std::vector<KindRef>& all() const override {
    std::call_once(all_made_, [this] {
      for (const auto& group : groups_) all_.insert(all_.end(), group->by_resource.begin(), group->by_resource.end());
    });
    return all_;
  }
  std::vector<std::string> groups() const override;
  std::vector<std::string> versions(std::string_view group) const override;

 private:
  struct Group {
    std::string name;
    std::vector<KindRef> by_resource, by_kind;   // each sorted by its place
  };
  using GroupRef = std::shared_ptr<const Group>;
  static constexpr std::size_t kShelves = 64;
  static constexpr const char* kNoVersion = "";   // nothing is replaced

  static std::size_t shelf_of(base::Atom key) { return (key.hash() * 0x9E3779B97F4A7C15u) >> 58; }

  std::vector<GroupRef>::const_iterator place_of(std::string_view name) const {
    return std::lower_bound(groups_.begin(), groups_.end(), name, [](const GroupRef& group, std::string_view wanted) { return group->name < wanted; });
  }

  const Group* group_of(std::string_view name) const {
    const auto at = place_of(name);
    return at != groups_.end() && (*at)->name == name ? at->get() : nullptr;
  }

  /// This catalog's own copy of a group.
  Group& group_to_change(const std::string& name) {
    const auto known = std::find_if(changing_.begin(), changing_.end(), [&](const auto& group) { return group->name == name; });
    if (known != changing_.end()) return **known;
    const auto at = groups_.begin() + (place_of(name) - groups_.cbegin());
    const bool had = at != groups_.end() && (*at)->name == name;
    const auto own = had ? std::make_shared<Group>(**at) : std::make_shared<Group>(Group{name, {}, {}});
    changing_.push_back(own);
    if (had) *at = own;
    else groups_.insert(at, own);
    return *own;
  }

  /// Of several versions the one that names the others is stored; otherwise the first that was installed.
  void change_stored(const Replacement& change) {
    auto& shelf = stored_[shelf_of(change.storage_key)];
    auto next = shelf ? std::make_shared<std::vector<KindRef>>(*shelf) : std::make_shared<std::vector<KindRef>>();
    std::erase_if(*next, [&](const KindRef& kind) { return change.replaces(*kind); });
    const auto hash = change.storage_key.hash();
    next->insert(std::upper_bound(next->begin(), next->end(), hash, ByKey()), change.added.begin(), change.added.end());
    const auto [first, last] = std::equal_range(next->begin(), next->end(), hash, ByKey());
    if (const auto stored = std::find_if(first, last, [](const KindRef& kind) { return !kind->other_versions.empty(); }); stored != last) std::rotate(first, stored, stored + 1);
    shelf = std::move(next);
  }

  const std::uint64_t epoch_;
  std::vector<GroupRef> groups_;                                                    // sorted by name
  std::array<std::shared_ptr<const std::vector<KindRef>>, kShelves> stored_{};      // each sorted by storage key
  std::vector<std::shared_ptr<Group>> changing_;                                    // while it is built
  mutable std::once_flag all_made_;
  mutable std::vector<KindRef> all_;
};

std::vector<std::string> KindCatalog::groups() const {
  std::vector<std::string> found;
  for (const auto group : builtin_groups())
    if (group_of(group)) found.emplace_back(group);
  const std::vector<std::string> known = found;
  for (const auto& group : groups_)   // sorted
    if (std::find(known.begin(), known.end(), group->name) == known.end()) found.push_back(group->name);
  return found;
}

std::vector<std::string> KindCatalog::versions(std::string_view group) const {
  std::vector<std::string> found;
  for (const auto& kind : in_group(group))   // sorted by version
    if (found.empty() || found.back() != kind->version) found.push_back(kind->version);
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
  explicit KindRegistry(const std::vector<KindRef>& builtin) : newest_(std::make_shared<const KindCatalog>(1, builtin)), catalog_(newest_) {}

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
  static KindRef made(Kind kind, std::uint32_t schema_epoch);
  void publish(const Replacement& change);
  void tell();

  mutable std::mutex mutex_;                        // guards what follows, never held during a callback
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
  for (const auto& other : newest_->in_group(kind.group)) {
    const bool same = other->storage_key == kind.storage_key;
    if (same && other->declared_by == kind.declared_by) continue;
    const std::string name = same ? kind.resource : shared_name(kind, *other);
    if (!name.empty()) return name_taken(kind, *other, name);
  }
  return std::nullopt;
}

KindRef KindRegistry::made(Kind kind, std::uint32_t schema_epoch) {
  if (kind.schema_epoch == Kind().schema_epoch) kind.schema_epoch = schema_epoch;   // else it says itself which form it is
  return std::make_shared<const Kind>(std::move(kind));
}

base::Outcome<KindRef> KindRegistry::install(Kind kind) {
  KindRef added;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal(kind)) return std::move(*refused);
    const auto epoch = ++schema_epochs_[kind.storage_key];
    added = made(std::move(kind), epoch);
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
    const auto epoch = ++schema_epochs_[key];
    for (auto& kind : versions) added.push_back(made(std::move(kind), epoch));
    publish({key, std::nullopt, added});
  }
  tell();
  return added;
}

void KindRegistry::withdraw(base::Atom storage_key) {
  {
    const std::lock_guard lock(mutex_);
    if (newest_->with_storage_key(storage_key).empty()) return;
    publish({storage_key, std::nullopt, {}});
  }
  tell();
}

void KindRegistry::set_writable(base::Atom storage_key, bool writable) {
  {
    const std::lock_guard lock(mutex_);
    bool any = false;
    std::vector<KindRef> versions;
    for (const auto& kind : newest_->with_storage_key(storage_key)) {
      versions.push_back(kind);
      if (kind->writable == writable) continue;
      Kind copy = *kind;
      copy.writable = writable;
      versions.back() = std::make_shared<const Kind>(std::move(copy));
      any = true;
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

std::span<const KindRef> kinds_in_group(const Catalog& catalog, std::string_view group) {
  if (const auto* ours = dynamic_cast<const KindCatalog*>(&catalog)) return ours->in_group(group);
  const auto& all = catalog.all();   // sorted by group
  const auto first = std::partition_point(all.begin(), all.end(), [&](const KindRef& kind) { return kind->group < group; });
  return {first, std::partition_point(first, all.end(), [&](const KindRef& kind) { return kind->group == group; })};
}

std::unique_ptr<Registry> make_registry() {
  std::vector<KindRef> kinds;
  kinds.reserve(builtin_kinds().size());
  for (const auto& row : builtin_kinds())
    if (row.served) kinds.push_back(std::make_shared<const Kind>(make_kind(row)));
  return std::make_unique<KindRegistry>(kinds);
}

}  // namespace keelson::kinds
