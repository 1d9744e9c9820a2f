/// Everything of pararun that needs no further library.
///
///     namespace pr = pararun;
#pragma once

#include <pararun/error.hpp>
#include <pararun/failure.hpp>
#include <pararun/generator.hpp>
#include <pararun/inspect.hpp>
#include <pararun/json.hpp>
#include <pararun/json_writer.hpp>
#include <pararun/key.hpp>
#include <pararun/map.hpp>
#include <pararun/options.hpp>
#include <pararun/process.hpp>
#include <pararun/progress.hpp>
#include <pararun/report.hpp>
#include <pararun/source.hpp>
#include <pararun/version.hpp>
#include <pararun/wire.hpp>
