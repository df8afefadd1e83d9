'use strict';
// Node's net.Socket and its like are functions: programs call them without `new`, and inherit from
// them by util.inherits and `Server.call(this)`. The classes made here allow both, too.

/** The existing object behind each `new.target`, which becomes the one that is constructed. */
const objects = new WeakMap();

/**
 * A class to extend, over `Base`, which is a function that is called on an existing object.
 * (It is a class, too: a function would first make an object of another shape than Base makes.
 * With two shapes in turn each object gets a shape of its own, which makes everything slow.)
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

/** Makes a class that extends `over(...)` into what programs get. */
function callable(Class) {
  const Callable = new Proxy(Class, {
    apply(_, object, args) {
      if (!(object instanceof Class)) return new Callable(...args);
      const target = function () {};
      objects.set(target, object);
      return Reflect.construct(Class, args, target);
    },
    // (Through a Proxy each object would get a shape of its own, which makes everything slow.)
    construct(_, args, target) {
      return Reflect.construct(Class, args, target === Callable ? Class : target);
    },
  });
  Object.defineProperty(Class.prototype, 'constructor', { value: Callable });
  return Callable;
}

module.exports = { callable, over };
