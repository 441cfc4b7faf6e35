// A small CRD and a catalog that serves it, for the tests of documents and run-time schemas.
#pragma once
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "core/kinds/catalog.hpp"
#include "core/kinds/engine.hpp"

namespace kinds_test {

namespace json = boost::json;

/// Relaxed JSON: single quotes stand for double ones.
json::value js(std::string_view text);
/// CronTab of stable.example.com/v1 with `spec` as the schema of its spec.
json::value crontab_crd(std::string_view spec);
/// What a run-time schema says of a value: "field: message" lines.
std::string violations(std::string_view spec_schema, std::string_view spec);
/// Violations of the CRD itself.
std::string crd_refusal(const json::value& crd);
/// All built-in kinds and those of a definition.
keelson::kinds::CatalogRef catalog_with(const json::value& crd);
/// All built-in kinds and the CronTab.
keelson::kinds::CatalogRef catalog_with_crontab();

}  // namespace kinds_test
