#include "topology/graph/embedded.hpp"

#include "config/value.hpp"

namespace freshet::topology {

std::string embedded_default(const embedded_options& options) {
  using config::text_literal;
  std::string out = "# The built-in default: one cloud node and " + std::to_string(options.devices) +
                    " devices on this host.\n"
                    "# Every setting is described by `freshet config example`.\n";
  out += "state_dir = " + text_literal(options.state_dir) + "\n";
  const std::string student = text_literal(options.models_dir + "/student");
  out += "\n[device]\nmodel = " + student + "\n";
  // Whoever looks on for a minute sees the world change; the pace is one that a cloud of one core
  // keeps up with.
  out += "samples_per_second = 6.0\nsource.samples_per_phase = 300\n";
  out += "\n[teacher]\nmodel = " + text_literal(options.models_dir + "/teacher") + "\n";
  out += "\n[distiller]\nstudent = " + student + "\n";
  out += "\n[[nodes]]\nname = \"cloud\"\nlisten = [\"ipc://cloud.sock\"]\n";
  for (const char* kind : {"intake", "teacher", "distiller", "compressor", "deployer", "stats"})
    out += "[[roles]]\nkind = \"" + std::string(kind) + "\"\nnode = \"cloud\"\n";
  for (std::uint32_t i = 1; i <= options.devices; ++i) {
    const std::string node = text_literal("edge-" + std::to_string(i));
    out += "\n[[nodes]]\nname = " + node + "\n";
    out += "[[roles]]\nkind = \"device\"\nnode = " + node + "\ndevice_id = " + std::to_string(i) + "\n";
    out += "[[roles]]\nkind = \"uplink_filter\"\nnode = " + node + "\nsettings = { seed = " + std::to_string(i) + " }\n";
  }
  return out;
}

}  // namespace freshet::topology
