// What plugins serve: subresources, resources and paths, while they run and while they are away.
#include <boost/json.hpp>

#include <algorithm>

#include "core/plugins/host_impl.hpp"

#include "core/base/json_value.hpp"

namespace keelson::plugins {

namespace json = boost::json;

class PluginRoute final : public RouteHandler {
 public:
  PluginRoute(std::weak_ptr<Instance> instance, std::string plugin, std::uint32_t route) : instance_(std::move(instance)), plugin_(std::move(plugin)), route_(route) {}
  void handle(RouteRequest request, std::shared_ptr<RouteStream> stream) override {
    if (const auto instance = instance_.lock()) return instance->serve(route_, std::move(request), std::move(stream));
    stream->fail(base::unavailable("the plugin " + plugin_ + " that serves this is not running"));
  }
  bool running() const { return !instance_.expired(); }

 private:
  const std::weak_ptr<Instance> instance_;
  const std::string plugin_;
  const std::uint32_t route_;
};

namespace {

ServedRoute served_route(const std::string& plugin, const RouteDeclaration& declared) {
  if (declared.kind.resource.empty()) return {{}, {}, std::string(kPluginPaths) + plugin + "/" + declared.path};
  return {declared.kind.storage_key(), declared.subresource, {}};
}

std::string saved_text(const ServedRoute& route) {
  if (!route.path.empty()) return json::serialize(json::object{{"path", route.path}});
  return json::serialize(json::object{{"resource", route.resource.text()}, {"subresource", route.subresource}});
}

ServedRoute read_saved(const std::string& text) {
  boost::system::error_code unreadable;
  const auto value = base::json_of(text, unreadable);
  const auto member = [&](std::string_view name) {
    const auto* object = value.if_object();
    const auto* found = object ? object->if_contains(name) : nullptr;
    return found && found->is_string() ? std::string(found->get_string()) : std::string();
  };
  const auto resource = member("resource");
  return {resource.empty() ? base::Atom() : base::Atom(resource), member("subresource"), member("path")};
}

bool covers(const std::string& route, std::string_view path) { return route.ends_with('/') ? path.starts_with(route) || path == std::string_view(route).substr(0, route.size() - 1) : path == route; }

}  // namespace

Routes::Routes(const std::string& data_dir, Live live) : saved_(data_dir, "routes"), live_(std::move(live)) {
  for (const auto& [plugin, texts] : saved_.read())
    for (const auto& text : texts) entries_.push_back({plugin, read_saved(text), std::make_shared<PluginRoute>(std::weak_ptr<Instance>(), plugin, 0)});
  publish();
}

/// The one that was added last, of those that run if there are any.
template <class Fits>
std::shared_ptr<RouteHandler> Routes::newest(Fits fits) const {
  std::shared_ptr<RouteHandler> away;
  const std::lock_guard lock(mutex_);
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (!fits(entry->route)) continue;
    if (entry->handler->running()) return entry->handler;
    if (!away) away = entry->handler;
  }
  return away;
}

std::shared_ptr<RouteHandler> Routes::find(base::Atom storage_key, std::string_view subresource) const {
  return newest([&](const ServedRoute& route) { return route.path.empty() && route.resource == storage_key && route.subresource == subresource; });
}

std::shared_ptr<RouteHandler> Routes::find_path(std::string_view path) const {
  if (!path.starts_with(kPluginPaths)) return nullptr;
  return newest([&](const ServedRoute& route) { return !route.path.empty() && covers(route.path, path); });
}

std::shared_ptr<const std::vector<ServedRoute>> Routes::served() const {
  const std::lock_guard lock(mutex_);
  return served_;
}

Routes::Live Routes::live(base::Atom storage_key) const { return storage_key == plugin_resource() ? live_ : nullptr; }

void Routes::add(const std::shared_ptr<Instance>& instance) {
  const auto& declared = instance->declaration().routes;
  const auto& name = instance->name();
  std::vector<std::string> texts;
  for (const auto& route : declared) texts.push_back(saved_text(served_route(name, route)));
  saved_.save(name, texts);
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.plugin == name; });
  for (std::uint32_t i = 0; i < declared.size(); ++i)
    entries_.push_back({name, served_route(name, declared[i]), std::make_shared<PluginRoute>(instance, name, i)});
  publish();
}

void Routes::keep(const std::set<std::string>& plugins) {
  std::set<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& entry : entries_)
      if (!plugins.contains(entry.plugin)) gone.insert(entry.plugin);
    if (gone.empty()) return;
    std::erase_if(entries_, [&](const Entry& entry) { return gone.contains(entry.plugin); });
    publish();
  }
  for (const auto& plugin : gone) saved_.forget(plugin);
}

// Under the mutex, or before anybody else knows of this.
void Routes::publish() {
  auto all = std::make_shared<std::vector<ServedRoute>>();
  for (const auto& entry : entries_) all->push_back(entry.route);
  served_ = std::move(all);
}

}  // namespace keelson::plugins
