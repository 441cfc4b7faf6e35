// Every resource that Kubernetes serves is served, and described alike (served.tsv, one row a resource).
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "core/kinds/catalog.hpp"

using namespace keelson::kinds;

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::string joined(std::vector<std::string> values, const char* separator = ",") {
  std::sort(values.begin(), values.end());
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : separator) + value;
  return text;
}

/// As served.tsv has them: name:kind:verbs, those with a version of their own as group/version.Kind.
std::string shown(const Kind& kind) {
  std::vector<std::string> all;
  for (const auto& sub : kind.subresources) {
    const auto api_version = sub.version.empty() ? "" : (sub.group.empty() ? "" : sub.group + "/") + sub.version + ".";
    all.push_back(sub.name + ":" + api_version + sub.kind + ":" + joined(sub.verbs));
  }
  return joined(std::move(all), " ");
}

}  // namespace

TEST_CASE("every resource of Kubernetes is served with its verbs, names, categories and subresources") {
  const auto catalog = make_registry()->current();
  std::ifstream file(KEELSON_TEST_DATA "/kinds_data/served.tsv");
  std::string line;
  REQUIRE(std::getline(file, line));
  std::size_t rows = 0;
  for (; std::getline(file, line); ++rows) {
    auto row = split(line, '\t');
    row.resize(11);
    INFO(line);
    const auto kind = catalog->find(row[0], row[1], row[2]);
    CHECK(kind);
    if (!kind) continue;
    CHECK(kind->kind == row[3]);
    CHECK(kind->singular == row[4]);
    CHECK(kind->namespaced == (row[5] == "1"));
    CHECK(joined(kind->verbs) == row[6]);
    CHECK(joined(kind->short_names) == joined(split(row[7], ',')));
    CHECK(joined(kind->categories) == joined(split(row[8], ',')));
    CHECK(kind->storage_version_hash == row[9]);
    CHECK(shown(*kind) == row[10]);
  }
  CHECK(rows == 68);
}
