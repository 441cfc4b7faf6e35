#include "extensions.hpp"

#include <algorithm>
#include <charconv>

namespace scheduler {
namespace {

/// Lines "index\ttext" about nodes.
template <class Visit>
void each_line(std::string_view body, std::size_t nodes, Visit visit) {
  while (!body.empty()) {
    const auto line = body.substr(0, body.find('\n'));
    body.remove_prefix(std::min(line.size() + 1, body.size()));
    const auto tab = line.find('\t');
    std::size_t index = 0;
    if (tab == std::string_view::npos || std::from_chars(line.data(), line.data() + tab, index).ec != std::errc() || index >= nodes) continue;
    visit(index, line.substr(tab + 1));
  }
}

keelson::Error refused(const keelson::HookAnswer& answer) {
  return {409, "Conflict", "plugin " + answer.plugin + ": " + (answer.text.empty() ? std::string("not here") : answer.text)};
}

/// The first that could not answer.
const keelson::HookAnswer* failed(const std::vector<keelson::HookAnswer>& answers) {
  const auto found = std::find_if(answers.begin(), answers.end(), [](const auto& answer) { return answer.failure.has_value(); });
  return found == answers.end() ? nullptr : &*found;
}

}  // namespace

Extensions::Extensions(keelson::Context& ctx)
    : ctx_(ctx), filter_(anybody_at(ctx, kPoints[0])), score_(anybody_at(ctx, kPoints[1])), reserve_(anybody_at(ctx, kPoints[2])),
      unreserve_(anybody_at(ctx, kPoints[3])), bind_(anybody_at(ctx, kPoints[4])) {}

keelson::Outcome<std::vector<keelson::HookAnswer>> Extensions::ask(std::string_view point, const keelson::ObjectHandle& pod, const std::vector<Fit>& fits) {
  std::vector<keelson::ObjectHandle> objects{pod};
  for (const auto& fit : fits) objects.push_back(fit.node);
  auto answers = keelson::ask(ctx_, point, {}, objects);
  if (answers)
    if (const auto* broken = failed(*answers)) return *broken->failure;
  return answers;
}

keelson::Outcome<void> Extensions::weigh(const keelson::ObjectHandle& pod, std::vector<Fit>& fits, Choice& choice) {
  if (filter_ && !fits.empty()) {
    const auto answers = ask(kPoints[0], pod, fits);
    if (!answers) return answers.error();
    std::vector<bool> out(fits.size());
    for (const auto& answer : *answers) {
      if (answer.decision == KEELSON_DENY) return refused(answer);
      each_line(answer.body, fits.size(), [&](std::size_t index, std::string_view reason) {
        if (!out[index]) ++choice.reasons[std::string(reason)];
        out[index] = true;
      });
    }
    choice.excluded_by_others = std::find(out.begin(), out.end(), true) != out.end();
    std::size_t index = 0;
    std::erase_if(fits, [&](const Fit&) { return out[index++]; });
  }
  if (!score_ || fits.size() < 2) return {};
  const auto answers = ask(kPoints[1], pod, fits);
  if (!answers) return answers.error();
  for (const auto& answer : *answers)
    each_line(answer.body, fits.size(), [&](std::size_t index, std::string_view points) {
      std::int64_t more = 0;
      std::from_chars(points.data(), points.data() + points.size(), more);
      fits[index].score += more;
    });
  return {};
}

keelson::Outcome<void> Extensions::reserve(const keelson::ObjectHandle& pod, const std::string& node) {
  if (!reserve_) return {};
  const auto answers = keelson::ask(ctx_, kPoints[2], {node}, {pod}, [](const auto& answer) { return answer.failure || answer.decision == KEELSON_DENY; });
  if (!answers) return answers.error();
  if (answers->empty()) return {};
  const auto& last = answers->back();
  if (!last.failure && last.decision != KEELSON_DENY) return {};
  unreserve(pod, node);   // those before it have reserved
  return last.failure ? *last.failure : refused(last);
}

void Extensions::unreserve(const keelson::ObjectHandle& pod, const std::string& node) {
  if (!unreserve_) return;
  const auto told = keelson::ask(ctx_, kPoints[3], {node}, {pod});
  if (!told) ctx_.log("warn", "unreserve: " + told.error().message);
}

keelson::Outcome<bool> Extensions::bind(const keelson::ObjectHandle& pod, const std::string& node) {
  if (!bind_) return false;
  const auto answers = keelson::ask(ctx_, kPoints[4], {node}, {pod}, [](const auto& answer) { return answer.failure || answer.decision == KEELSON_ALLOW; });
  if (!answers) return answers.error();
  if (const auto* broken = failed(*answers)) return *broken->failure;
  return !answers->empty() && answers->back().decision == KEELSON_ALLOW;
}

}  // namespace scheduler
