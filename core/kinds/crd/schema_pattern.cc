#include <re2/re2.h>

#include "core/cel/function.hpp"
#include "core/kinds/crd/schema_rules.hpp"

namespace keelson::kinds {
namespace {
constexpr std::int64_t kPatternMemory_bytes = 1 << 20;
}

class Pattern {
 public:
  explicit Pattern(std::string_view text) : expression_({text.data(), text.size()}, options()) {}
  const re2::RE2& expression() const { return expression_; }

 private:
  static re2::RE2::Options options() {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemory_bytes);
    return options;
  }
  re2::RE2 expression_;
};

std::shared_ptr<const Pattern> compile_pattern(std::string_view text, std::string& why) {
  auto pattern = std::make_shared<const Pattern>(text);
  if (pattern->expression().ok()) return pattern;
  why = cel::pattern_fault(text);
  return nullptr;
}

bool matches(const Pattern& pattern, std::string_view text) {
  return re2::RE2::PartialMatch({text.data(), text.size()}, pattern.expression());
}

}  // namespace keelson::kinds
