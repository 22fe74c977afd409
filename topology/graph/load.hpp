// A document to a graph that is known to be right: parse, spread replicas, number devices, resolve
// paths, validate. Every problem of the file is in the one error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/document.hpp"
#include "config/problem.hpp"
#include "kernels/base/result.hpp"
#include "topology/graph/graph.hpp"

namespace freshet::topology {

struct load_options {
  std::string file = "configuration";       ///< what messages call the document
  std::optional<std::string> state_dir;     ///< stands above the document's own
  std::string base_dir;                     ///< relative state folders are below it; empty leaves them relative
};

/// errc::config with all problems, one a line, when the text is not right.
result<graph> load_graph(std::string_view text, const load_options& options);
/// The same from disk; `options.file` is the path.
result<graph> load_graph_file(const load_options& options);

/// The graph of a document, whatever it is worth: for load_graph and for tests of validate.
[[nodiscard]] graph graph_of(const config::document& doc, const load_options& options, config::problems& out);

}  // namespace freshet::topology
