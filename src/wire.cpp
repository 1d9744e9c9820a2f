#include <pararun/wire.hpp>

#include <pararun/json.hpp>

namespace pararun {

void detail::refuse_wire(const char* problem) {
  throw Error(std::string("what another process sent cannot be read: ") + problem);
}

void Wire<Json>::write(WireWriter& out, const Json& json) { out.value(json.dump()); }

Json Wire<Json>::read(WireReader& in) { return Json::parse(in.bytes(in.count())); }

}  // namespace pararun
