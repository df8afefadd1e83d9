'use strict';
// Node's net.Socket and its kin are functions: programs call them without `new`, and inherit from
// them by util.inherits and `Server.call(this)`. Classes over them let both be done as well.

/** The objects that stand behind a `new.target`: there already, and made into what is constructed. */
const objects = new WeakMap();

/**
 * A class to extend where `Base` is a function, which is called on an object that is there.
 * (A class as well: a function would make an object first, of another shape than what Base makes,
 * and while the two take turns each object has a shape of its own, which makes all of it slow.)
 */
function over(Base) {
  class Over extends Base {
    constructor(...args) {
      const object = objects.get(new.target);
      if (object === undefined) {
        super(...args);
        return;
      }
      Base.apply(object, args);
      return object;
    }
  }
  delete Over.prototype.constructor;
  return Over;
}

/** The class, which extends `over(...)`, as programs get it. */
function callable(Class) {
  const Callable = new Proxy(Class, {
    apply(_, object, args) {
      if (!(object instanceof Class)) return new Callable(...args);
      const target = function () {};
      objects.set(target, object);
      return Reflect.construct(Class, args, target);
    },
    // (By way of a Proxy each object would have a shape of its own, which makes all of it slow.)
    construct(_, args, target) {
      return Reflect.construct(Class, args, target === Callable ? Class : target);
    },
  });
  Object.defineProperty(Class.prototype, 'constructor', { value: Callable });
  return Callable;
}

module.exports = { callable, over };
