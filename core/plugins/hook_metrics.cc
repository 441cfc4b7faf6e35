// metrics: values that a plugin tells when somebody scrapes.
#include <algorithm>
#include <charconv>

#include "core/base/log.hpp"
#include "core/plugins/hooks.hpp"

namespace keelson::plugins {
namespace {

using Emit = std::function<void(const base::Labels&, double)>;

bool names_metric(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':'; };
  return !name.empty() && letter(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

base::Labels labels_of(std::string_view text) {
  base::Labels labels;
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find(','));
    const auto equals = pair.find('=');
    if (equals != std::string_view::npos) labels.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
  }
  return labels;
}

/// A line is "value\tkey=value,key=value".
void emit_lines(std::string_view body, const Emit& emit) {
  while (!body.empty()) {
    const auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(line.size() + 1, body.size()));
    const auto tab = std::min(line.find('\t'), line.size());
    double value = 0;
    if (std::from_chars(line.data(), line.data() + tab, value).ec != std::errc()) continue;
    emit(labels_of(line.substr(std::min(tab + 1, line.size()))), value);
  }
}

}  // namespace

std::shared_ptr<void> metrics_source(HookRef hook, base::Metrics& metrics) {
  const auto name = hook->declared().name;
  if (!names_metric(name) || !hook->declared().is_inline) {
    base::log_error("plugins", "no metric can be read from this hook", {{"hook", hook->name()}});
    return nullptr;
  }
  return metrics.on_scrape(name, "Told by plugin " + hook->plugin() + ".", "gauge", [hook](const Emit& emit) {
    const auto answer = hook->ask({hook->declared().point, {}, {}});
    if (answer.status == 0) emit_lines(answer.body, emit);
  });
}

}  // namespace keelson::plugins
